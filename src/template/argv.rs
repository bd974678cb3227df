//! Argument vectors: elements that their command reads as code, or that are the name of one, hold no value.

use crate::expr::{Problem, ProblemKind};
use crate::template::Template;
use crate::template::shell_words::{VALUE, Words};
use crate::template::tree::{Item, each_put};

/// What is wrong with the elements of an argument vector together, each with the index of its element.
#[must_use]
pub fn argv(elements: &[&Template]) -> Vec<(usize, Problem)> {
    let mut done = Vec::new();
    let mut problems = Vec::new();
    for (index, element) in elements.iter().enumerate() {
        let (whole, first) = words(element);
        if let Some((begin, span)) = first.filter(|_| !trusted(element))
            && let Some(reason) = Words::argv(done.clone(), begin).refuses_element()
        {
            let help = if index == 0 {
                "write the command here, or choose between steps by `when:`"
            } else {
                "give the value by `env: { NAME: … }` and read it there, in a shell as \"$NAME\"; behind the code of `sh -c` or `python3 -c` it may be an argument of its own: [sh, -c, 'echo \"$1\"', sh, \"{{ … }}\"]"
            };
            problems.push((index, Problem::new(ProblemKind::Place, span, reason).help(help)));
        }
        done.push(whole);
    }
    problems
}

/// What is wrong with a text that these elements read from their standard input.
#[must_use]
pub fn stdin(elements: &[&Template], input: &Template) -> Option<Problem> {
    let (_, first) = words(input);
    let (_, span) = first.filter(|_| !trusted(input))?;
    let done = elements.iter().map(|element| words(element).0).collect();
    let reason = Words::argv(done, String::new()).refuses_input()?;
    let help = "give the value by `env: { NAME: … }` and read it there, in a shell as \"$NAME\"";
    Some(Problem::new(ProblemKind::Place, span, reason).help(help))
}

type First = Option<(String, (usize, usize))>;

/// The text with a sign for each value, and what stands before the first value with the place of that one.
fn words(element: &Template) -> (String, First) {
    let mut whole = String::new();
    let mut first = None;
    for item in &element.0.items {
        let span = match item {
            Item::Lit(text) => {
                whole.push_str(text);
                continue;
            }
            Item::Put(put) => put.span,
            Item::Block(block) => block.span,
        };
        first.get_or_insert_with(|| (whole.clone(), span));
        whole.push(VALUE);
    }
    (whole, first)
}

/// Whether the author has written `{{{three braces}}}` everywhere, which says that it is code.
fn trusted(element: &Template) -> bool {
    let (mut any, mut all) = (false, true);
    each_put(&element.0.items, &mut |put| {
        any = true;
        all &= put.raw;
    });
    any && all
}
