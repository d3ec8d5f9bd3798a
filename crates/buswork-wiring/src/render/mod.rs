//! The graph as text: tree, table, JSON, Mermaid, SARIF, annotations for GitHub.
