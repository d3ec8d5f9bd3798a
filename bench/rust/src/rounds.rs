//! Interleaved rounds, as in `bench/python/rounds.py`: in each, everybody runs for about the same
//! short time; what is told is the median of the rounds' own ratios and differences.

use std::time::{Duration, Instant};

const TURN: Duration = Duration::from_micros(300);

/// Does the thing that is measured so many times.
pub type Loop = Box<dyn FnMut(u64)>;

/// Nanoseconds a go, one a round, for each of the loops.
pub fn interleave(loops: &mut [Loop], rounds: usize) -> Vec<Vec<f64>> {
    let goes: Vec<u64> = loops.iter_mut().map(|each| goes_a_turn(each)).collect();
    let mut figures = vec![Vec::with_capacity(rounds); loops.len()];
    for round in 0..rounds {
        // Who begins moves on, since who comes after whom has an effect.
        for place in 0..loops.len() {
            let index = (round + place) % loops.len();
            let started = Instant::now();
            loops[index](goes[index]);
            figures[index].push(nanoseconds(started) / goes[index] as f64);
        }
    }
    figures
}

/// The middle one.
pub fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = figures.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// The median of the rounds' ratios.
pub fn ratio(figures: &[f64], base: &[f64]) -> f64 {
    median(figures.iter().zip(base).map(|(figure, base)| figure / base))
}

/// The median of the rounds' differences, in nanoseconds.
pub fn difference(figures: &[f64], base: &[f64]) -> f64 {
    median(figures.iter().zip(base).map(|(figure, base)| figure - base))
}

/// How often a loop goes round in a turn. Warms it up as well.
fn goes_a_turn(one: &mut Loop) -> u64 {
    let mut goes = 1;
    loop {
        let started = Instant::now();
        one(goes);
        let elapsed = nanoseconds(started);
        if elapsed >= TURN.as_nanos() as f64 {
            return ((goes as f64 * TURN.as_nanos() as f64 / elapsed) as u64).max(1);
        }
        goes *= 2;
    }
}

fn nanoseconds(started: Instant) -> f64 {
    started.elapsed().as_nanos() as f64
}
