//! The Rust tables, as Markdown: `buswork-bench [--quick]`.

mod contenders;
mod rounds;

use contenders::{BEVY, BOXED, BUSWORK, CONTENDERS, Contender, JAEB, awaited, posted, retried};
use rounds::{difference, interleave, median, ratio};

const COUNTS: [usize; 5] = [0, 1, 3, 10, 100];
/// The same where threads or tasks take part.
const FEW: [usize; 3] = [1, 3, 10];

/// The rounds' figures of every contender, for one number of handlers.
type Figures = Vec<Vec<f64>>;

fn main() {
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let rounds = if is_quick { 100 } else { 1000 };
    println!("### Rust\n");
    println!("Nanoseconds of a publish, and in brackets as a multiple of the loop's.\n");
    let figures = measure(&CONTENDERS, &COUNTS, rounds);
    table(&CONTENDERS, &COUNTS, &figures);
    println!(
        "Nanoseconds of an awaited publish, until every handler has ended or every receiver has the\n\
         event, and in brackets as a multiple of the loop's with `join_all`. All on one thread.\n"
    );
    let awaited = measure(&awaited::CONTENDERS, &FEW, rounds);
    table(&awaited::CONTENDERS, &FEW, &awaited);
    println!(
        "Nanoseconds of a posted event, end to end: some hundreds in a row, until the last is handled\n\
         on another thread; in brackets as a multiple of the channel's.\n"
    );
    let posted = measure(&posted::CONTENDERS, &FEW, rounds);
    table(&posted::CONTENDERS, &FEW, &posted);
    println!(
        "Nanoseconds of a publish whose handlers fail once and are tried again at once, until the second\n\
         attempts have ended; in brackets as a multiple of our own sync publish.\n"
    );
    let retried = measure(&retried::CONTENDERS, &FEW, rounds);
    table(&retried::CONTENDERS, &FEW, &retried);
    println!("#### Bars\n");
    println!("| | figure | bar | |\n| --- | --: | --: | --: |");
    bars(&figures);
    println!();
}

fn measure(contenders: &[Contender], counts: &[usize], rounds: usize) -> Vec<Figures> {
    let measured = counts.iter().map(|&handlers| {
        let loops = contenders.iter().map(|each| (each.build)(handlers));
        interleave(&mut loops.collect::<Vec<_>>(), rounds)
    });
    measured.collect()
}

/// One row a contender, as a multiple of the first one's figures.
fn table(contenders: &[Contender], counts: &[usize], figures: &[Figures]) {
    print!("| | version |");
    for &count in counts {
        print!(" {count} handler{} |", if count == 1 { "" } else { "s" });
    }
    println!("\n| --- | --- |{}", " --: |".repeat(counts.len()));
    for (index, contender) in contenders.iter().enumerate() {
        print!("| {} | {} |", contender.name, contender.version);
        for (count, figures) in counts.iter().zip(figures) {
            let figure = median(figures[index].iter().copied());
            if *count == 0 {
                print!(" {figure:.1} |");
            } else {
                print!(
                    " {figure:.1} ({:.2}) |",
                    ratio(&figures[index], &figures[0])
                );
            }
        }
        println!();
    }
    println!();
}

fn bars(figures: &[Figures]) {
    for (count, figures) in COUNTS.iter().zip(figures) {
        if ![1, 10].contains(count) {
            continue;
        }
        let noun = if *count == 1 { "handler" } else { "handlers" };
        row(
            &format!("publish to {count} {noun}: more than the loop of boxed closures"),
            difference(&figures[BUSWORK], &figures[BOXED]),
            15.0,
            " ns",
        );
        row(
            &format!("publish to {count} {noun}, of bevy_ecs observers' time"),
            ratio(&figures[BUSWORK], &figures[BEVY]),
            1.0,
            "×",
        );
        row(
            &format!("publish to {count} {noun}, of jaeb's time"),
            ratio(&figures[BUSWORK], &figures[JAEB]),
            0.1,
            "×",
        );
    }
}

/// A bar is missed past five per cent. Smaller is better in all of them.
fn row(name: &str, figure: f64, bar: f64, unit: &str) {
    let verdict = match figure / bar {
        ..=1.0 => "met",
        ..=1.05 => "met, within 5 %",
        _ => "**MISSED**",
    };
    println!("| {name} | {figure:.2}{unit} | ≤ {bar}{unit} | {verdict} |");
}
