use buswork_wiring::graph::Grade;
use buswork_wiring::render::mermaid::{MOST_NODES, mermaid};

use crate::graphs::Draft;
use crate::graphs::nasty::nasty;
use crate::graphs::shop::shop;

#[test]
fn the_shop() {
    insta::assert_snapshot!(mermaid(&shop()));
}

#[test]
fn labels_are_escaped() {
    insta::assert_snapshot!(mermaid(&nasty()));
}

/// Events from each module of a chain to the next.
fn chain(modules: usize, name: impl Fn(usize) -> String) -> String {
    let mut draft = Draft::new();
    for number in 0..modules {
        let (here, next) = (name(number), name((number + 1) % modules));
        let (event, handler) = (format!("{here}.Done"), format!("{next}:go_on_{number}"));
        draft = draft
            .event(&event, "a.py:1")
            .publish(&format!("{here}:work"), &event, "a.py:2", Grade::Certain)
            .handler(&handler, "a.py:3", false)
            .subscribe(&event, &handler, "on", "a.py:3", Grade::Inferred);
    }
    mermaid(&draft.finish())
}

#[test]
fn a_large_graph_is_folded_by_module() {
    insta::assert_snapshot!(chain(14, |number| format!("shop.part{number}")));
}

#[test]
fn a_very_large_graph_is_folded_by_package() {
    insta::assert_snapshot!(chain(200, |number| format!(
        "package{}.part{number}",
        number / 50
    )));
}

#[test]
fn there_are_never_more_nodes_than_can_be_read() {
    let text = chain(300, |number| format!("alone{number}"));
    let nodes = text
        .lines()
        .filter(|line| line.contains("[[") || line.contains("{{"))
        .count();
    assert_eq!(nodes, MOST_NODES);
    let note = format!("{} quiet ones are left out", 300 - (MOST_NODES - 1));
    assert!(text.contains(&note), "{text}");
}
