//! The Rust table, as Markdown: `buswork-bench [--quick]`.

mod contenders;
mod rounds;

use contenders::{BEVY, BOXED, BUSWORK, CONTENDERS, JAEB};
use rounds::{difference, interleave, median, ratio};

const COUNTS: [usize; 5] = [0, 1, 3, 10, 100];

/// The rounds' figures of every contender, for one number of handlers.
type Figures = Vec<Vec<f64>>;

fn main() {
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let rounds = if is_quick { 100 } else { 1000 };
    let figures: Vec<Figures> = COUNTS.iter().map(|&count| measure(count, rounds)).collect();
    println!("### Rust\n");
    println!("Nanoseconds of a publish, and in brackets as a multiple of the loop's.\n");
    publishing(&figures);
    println!("#### Bars\n");
    println!("| | figure | bar | |\n| --- | --: | --: | --: |");
    bars(&figures);
    println!();
}

fn measure(handlers: usize, rounds: usize) -> Figures {
    let mut loops: Vec<_> = CONTENDERS
        .iter()
        .map(|each| (each.build)(handlers))
        .collect();
    interleave(&mut loops, rounds)
}

fn publishing(figures: &[Figures]) {
    print!("| | version |");
    for count in COUNTS {
        print!(" {count} handler{} |", if count == 1 { "" } else { "s" });
    }
    println!("\n| --- | --- |{}", " --: |".repeat(COUNTS.len()));
    for (index, contender) in CONTENDERS.iter().enumerate() {
        print!("| {} | {} |", contender.name, contender.version);
        for (count, figures) in COUNTS.iter().zip(figures) {
            let figure = median(figures[index].iter().copied());
            if *count == 0 {
                print!(" {figure:.1} |");
            } else {
                print!(
                    " {figure:.1} ({:.2}) |",
                    ratio(&figures[index], &figures[BOXED])
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
