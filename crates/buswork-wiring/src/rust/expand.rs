//! Items within macros that hold plain items.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::{Item, ItemMacro};

use super::parse::check;

/// Puts what stands in `thread_local!`, `lazy_static!` and `cfg_if!` in the place of the macro.
pub(super) fn expand(items: Vec<Item>) -> Vec<Item> {
    items
        .into_iter()
        .flat_map(|item| match item {
            Item::Macro(item) => expand_macro(item),
            Item::Mod(mut item) => {
                item.content = item.content.map(|(brace, items)| (brace, expand(items)));
                vec![Item::Mod(item)]
            }
            other => vec![other],
        })
        .collect()
}

fn expand_macro(item: ItemMacro) -> Vec<Item> {
    let name = item
        .mac
        .path
        .segments
        .last()
        .map(|part| part.ident.to_string());
    let found = match name.as_deref() {
        Some("thread_local") => statics(item.mac.tokens.clone(), "std::thread::LocalKey"),
        Some("lazy_static") => {
            let tokens = item.mac.tokens.clone().into_iter();
            let tokens =
                tokens.filter(|token| !matches!(token, TokenTree::Ident(word) if *word == "ref"));
            statics(tokens.collect(), "Lazy")
        }
        Some("cfg_if") => Some(branches(&item.mac.tokens)),
        _ => None,
    };
    found.unwrap_or_else(|| vec![Item::Macro(item)])
}

fn parsed(tokens: TokenStream) -> Option<Vec<Item>> {
    check(&tokens).ok()?;
    Some(expand(syn::parse2::<syn::File>(tokens).ok()?.items))
}

/// Statics, of which each holds its type in a wrapper.
fn statics(tokens: TokenStream, wrapper: &str) -> Option<Vec<Item>> {
    let mut items = parsed(tokens)?;
    for item in &mut items {
        let Item::Static(item) = item else { continue };
        let written = item.ty.span().source_text()?;
        *item.ty = syn::parse_str(&format!("{wrapper}<{written}>")).ok()?;
    }
    Some(items)
}

/// All branches of a `cfg_if!`: which of them is compiled is not known.
fn branches(tokens: &TokenStream) -> Vec<Item> {
    let groups = tokens.clone().into_iter().filter_map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => Some(group.stream()),
        _ => None,
    });
    groups.filter_map(parsed).flatten().collect()
}
