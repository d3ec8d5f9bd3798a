//! Patterns of names: those of the configuration, and those that events themselves can be.

/// Whether a name matches a shell-like pattern: `*` stands for any text, `?` for one character.
///
/// ```
/// use buswork_wiring::pattern::matches;
///
/// assert!(matches("automation_*", "automation_reloaded"));
/// assert!(!matches("automation_?", "automation_reloaded"));
/// ```
pub fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<Token<char>> = pattern.chars().map(of_pattern).collect();
    let name: Vec<Token<char>> = name.chars().map(Token::One).collect();
    meet(&pattern, &name, |left, right| left == right)
}

/// Whether two templates, such as `konnected.{}.update`, can stand for the same name.
pub(crate) fn templates_meet(left: &str, right: &str) -> bool {
    if left == right {
        return true;
    }
    if !ends_agree(left, right) {
        return false;
    }
    meet(&of_template(left), &of_template(right), |left, right| {
        left == right
    })
}

/// Whether two topics or patterns of topics can stand for the same topic: `*` is one segment, `**`
/// any number.
pub(crate) fn topics_meet(left: &str, right: &str) -> bool {
    meet(&of_topic(left), &of_topic(right), |left, right| {
        templates_meet(left, right)
    })
}

#[derive(Clone, Copy)]
enum Token<T> {
    One(T),
    AnyOne,
    Many,
}

fn of_pattern(character: char) -> Token<char> {
    match character {
        '*' => Token::Many,
        '?' => Token::AnyOne,
        _ => Token::One(character),
    }
}

fn of_template(template: &str) -> Vec<Token<char>> {
    let mut tokens = Vec::with_capacity(template.len());
    for (index, part) in template.split("{}").enumerate() {
        if index > 0 {
            tokens.push(Token::Many);
        }
        tokens.extend(part.chars().map(Token::One));
    }
    tokens
}

fn of_topic(topic: &str) -> Vec<Token<&str>> {
    let token = |segment| match segment {
        "**" => Token::Many,
        "*" => Token::AnyOne,
        _ => Token::One(segment),
    };
    topic.split('.').map(token).collect()
}

/// Most templates differ in how they begin or end, which is far quicker to see.
fn ends_agree(left: &str, right: &str) -> bool {
    let heads = (
        left.split("{}").next().unwrap_or(""),
        right.split("{}").next().unwrap_or(""),
    );
    let tails = (
        left.rsplit("{}").next().unwrap_or(""),
        right.rsplit("{}").next().unwrap_or(""),
    );
    (heads.0.starts_with(heads.1) || heads.1.starts_with(heads.0))
        && (tails.0.ends_with(tails.1) || tails.1.ends_with(tails.0))
}

/// Whether some text matches both: worked out from the ends, so that no pattern takes longer than
/// the product of the lengths.
fn meet<T>(left: &[Token<T>], right: &[Token<T>], same: impl Fn(&T, &T) -> bool) -> bool {
    let mut later = vec![false; right.len() + 1];
    for i in (0..=left.len()).rev() {
        let mut row = vec![false; right.len() + 1];
        for j in (0..=right.len()).rev() {
            row[j] = match (left.get(i), right.get(j)) {
                (None, None) => true,
                (Some(Token::Many), _) => later[j] || (j < right.len() && row[j + 1]),
                (_, Some(Token::Many)) => row[j + 1] || (i < left.len() && later[j]),
                (Some(Token::One(one)), Some(Token::One(other))) => {
                    same(one, other) && later[j + 1]
                }
                (Some(_), Some(_)) => later[j + 1],
                _ => false,
            };
        }
        later = row;
    }
    later[0]
}
