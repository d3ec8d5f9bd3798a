//! A progress bar, for those who look: on a terminal only.

use std::io::{self, IsTerminal, Read, Write};

const WIDTH: u64 = 40;

/// Passes on what it reads, and draws how many of `total` bytes have gone by.
pub struct Progress<R> {
    source: R,
    done: u64,
    total: u64,
    is_looked_at: bool,
    drawn: Option<u64>,
}

impl<R: Read> Progress<R> {
    pub fn new(source: R, total: u64) -> Self {
        Self {
            source,
            done: 0,
            total,
            is_looked_at: io::stderr().is_terminal(),
            drawn: None,
        }
    }

    fn draw(&mut self) {
        // A file may grow while it is read.
        let percent = (self.done * 100 / self.total.max(1)).min(100);
        if self.drawn == Some(percent) {
            return;
        }
        self.drawn = Some(percent);
        let bar: String = (0..WIDTH)
            .map(|cell| {
                if cell * 100 < percent * WIDTH {
                    '█'
                } else {
                    '·'
                }
            })
            .collect();
        show(&format!("\r{bar} {percent:3}%"));
    }
}

impl<R: Read> Read for Progress<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.done += count as u64;
        if self.is_looked_at {
            self.draw();
        }
        Ok(count)
    }
}

impl<R> Drop for Progress<R> {
    /// Leaves the line, also after a run that failed.
    fn drop(&mut self) {
        if self.drawn.is_some() {
            show("\n");
        }
    }
}

/// A bar that cannot be drawn is no reason to stop the shop.
fn show(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr
        .write_all(text.as_bytes())
        .and_then(|()| stderr.flush());
}
