//! The result as text: the recall, and the edges that one of the two sides lacks.

use std::fmt;

use super::{Confirmation, Recall};
use crate::text::{columns, printable};

impl fmt::Display for Confirmation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}\n", self.sentence())?;
        formatter.write_str(&columns("", &self.table()))?;
        section(formatter, "seen at run time only", &self.run_time_rows())?;
        section(
            formatter,
            "in the code, not seen at run time",
            &self.not_seen_rows(),
        )?;
        if !self.refuted.is_empty() {
            let count = self.refuted.len();
            writeln!(
                formatter,
                "\n{count} of the subscriptions said never to run did run"
            )?;
        }
        Ok(())
    }
}

impl Confirmation {
    /// `static analysis had found 41 of the 43 edges seen at run time (95.3 %)`
    pub fn sentence(&self) -> String {
        let Recall { seen, found } = self.recall;
        match self.recall.share() {
            None => "nothing was seen at run time".to_owned(),
            Some(_) => format!(
                "static analysis had found {found} of the {seen} edges seen at run time ({})",
                percent(self.recall)
            ),
        }
    }

    fn table(&self) -> Vec<Vec<String>> {
        let titles = [
            "",
            "seen",
            "found",
            "recall",
            "in the code",
            "confirmed",
            "not seen",
        ];
        let row = |name: &str, recall: Recall, edges: &[&[u64]]| {
            let all: usize = edges.iter().map(|edges| edges.len()).sum();
            let is_seen = |count: &&u64| **count > 0;
            let confirmed = edges
                .iter()
                .flat_map(|edges| edges.iter())
                .filter(is_seen)
                .count();
            let mut row = vec![name.to_owned()];
            row.extend([recall.seen, recall.found].map(|count| format!("{count:>5}")));
            row.push(format!("{:>7}", percent(recall)));
            row.push(format!("{all:>11}"));
            row.push(format!("{confirmed:>9}"));
            row.push(format!("{:>8}", all - confirmed));
            row
        };
        let heads = titles.map(str::to_owned).to_vec();
        let (publishes, subscriptions, cascades) = (
            &self.publishes[..],
            &self.subscriptions[..],
            &self.cascades[..],
        );
        vec![
            heads,
            row("publishes", self.publish_recall, &[publishes]),
            row("deliveries", self.delivery_recall, &[subscriptions]),
            row("cascades", self.cascade_recall, &[cascades]),
            row("all", self.recall, &[publishes, subscriptions, cascades]),
        ]
    }

    fn run_time_rows(&self) -> Vec<Vec<String>> {
        let only = &self.only_at_run_time;
        let times = |count: u64| format!("{count}×");
        let arrow =
            |from: &str, to: &str| (printable(from).into_owned(), format!("→ {}", printable(to)));
        let mut rows = Vec::new();
        for publish in &only.publishes {
            let (from, to) = arrow(&publish.function, &publish.event);
            let place = format!("{}:{}", printable(&publish.file), publish.line);
            rows.push(vec![
                "publish".to_owned(),
                from,
                to,
                times(publish.count),
                place,
            ]);
        }
        for delivery in &only.deliveries {
            let (from, to) = arrow(&delivery.event, &delivery.handler);
            rows.push(vec!["delivery".to_owned(), from, to, times(delivery.count)]);
        }
        for cascade in &only.cascades {
            let (from, to) = arrow(&cascade.cause_handler, &cascade.event);
            rows.push(vec!["cascade".to_owned(), from, to, times(cascade.count)]);
        }
        rows
    }

    fn not_seen_rows(&self) -> Vec<Vec<String>> {
        let row = |edge: &super::NotSeen| {
            vec![
                edge.kind.to_owned(),
                printable(&edge.from).into_owned(),
                format!("→ {}", printable(&edge.to)),
                printable(&edge.place).into_owned(),
            ]
        };
        self.not_seen.iter().map(row).collect()
    }
}

fn section(formatter: &mut fmt::Formatter<'_>, title: &str, rows: &[Vec<String>]) -> fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    write!(formatter, "\n{title}\n{}", columns("  ", rows))
}

fn percent(recall: Recall) -> String {
    match recall.share() {
        // Never 100 for what is not all.
        Some(share) if share < 1.0 => format!("{:.1} %", (share * 1000.0).floor() / 10.0),
        Some(_) => "100 %".to_owned(),
        None => "-".to_owned(),
    }
}
