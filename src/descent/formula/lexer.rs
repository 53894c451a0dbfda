//! Characters to tokens. A name that is no identifier stands between backquotes: `` `time (s)` ``.

use super::{FORMULA_CHARACTERS_MAX, FormulaError};

/// A token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Name(String),
    /// One of `+ - * / ^ ( ) , ; =`.
    Sign(char),
    End,
}

/// A token and the character it begins at, counted from 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) at: usize,
}

/// All tokens, the end included.
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, FormulaError> {
    let count = text.chars().count();
    if count > FORMULA_CHARACTERS_MAX {
        return Err(FormulaError::over("expression_too_long", "characters", FORMULA_CHARACTERS_MAX, count));
    }
    let characters: Vec<char> = text.chars().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(&first) = characters.get(at) {
        let begin = at;
        let token = if first.is_whitespace() {
            at += 1;
            continue;
        } else if first.is_ascii_digit() || (first == '.' && is_digit(characters.get(at + 1))) {
            number(&characters, &mut at)?
        } else if first == '_' || first.is_alphabetic() {
            let end = characters[at..].iter().position(|c| !(*c == '_' || c.is_alphanumeric()));
            at = end.map_or(characters.len(), |end| at + end);
            Token::Name(characters[begin..at].iter().collect())
        } else if first == '`' {
            let Some(length) = characters[at + 1..].iter().position(|c| *c == '`') else {
                return Err(FormulaError::at(begin + 1, "this backquote has no other end"));
            };
            at += length + 2;
            Token::Name(characters[begin + 1..at - 1].iter().collect())
        } else {
            at += 1;
            // Python's power is read as what it is.
            let doubled = first == '*' && characters.get(at) == Some(&'*');
            at += usize::from(doubled);
            Token::Sign(match first {
                _ if doubled => '^',
                '+' | '-' | '*' | '/' | '^' | '(' | ')' | ',' | ';' | '=' => first,
                '−' | '–' => '-',
                '×' | '·' => '*',
                '÷' => '/',
                other => return Err(FormulaError::at(begin + 1, format!("{other:?} has no meaning here"))),
            })
        };
        out.push(Placed { token, at: begin + 1 });
    }
    out.push(Placed { token: Token::End, at: characters.len() + 1 });
    Ok(out)
}

fn is_digit(character: Option<&char>) -> bool {
    character.is_some_and(char::is_ascii_digit)
}

fn number(characters: &[char], at: &mut usize) -> Result<Token, FormulaError> {
    let begin = *at;
    let digits = |at: &mut usize| {
        while is_digit(characters.get(*at)) {
            *at += 1;
        }
    };
    digits(at);
    if characters.get(*at) == Some(&'.') {
        *at += 1;
        digits(at);
    }
    if matches!(characters.get(*at), Some('e' | 'E')) {
        let sign = usize::from(matches!(characters.get(*at + 1), Some('+' | '-')));
        if is_digit(characters.get(*at + 1 + sign)) {
            *at += 1 + sign;
            digits(at);
        }
    }
    let text: String = characters[begin..*at].iter().collect();
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Token::Number(value)),
        _ => Err(FormulaError::at(begin + 1, format!("{text} is no number that a double can hold"))),
    }
}

/// The names in a formula in the order of their first use, without those that are called or defined in it; nothing for
/// text that has no tokens.
pub(in crate::descent) fn names_in(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut defined: Vec<String> = Vec::new();
    let tokens = tokens(text).unwrap_or_default();
    for (k, placed) in tokens.iter().enumerate() {
        let Token::Name(name) = &placed.token else { continue };
        let is = |at: usize, sign: char| tokens.get(at).is_some_and(|next| next.token == Token::Sign(sign));
        if name == "let" && matches!(tokens.get(k + 1), Some(Placed { token: Token::Name(_), .. })) {
            continue;
        }
        if is(k + 1, '=') {
            defined.push(name.clone());
        } else if !is(k + 1, '(') && !names.contains(name) && !defined.contains(name) && name != "pi" {
            names.push(name.clone());
        }
    }
    names
}
