//! Tokens to nodes, by binding powers (Pratt 1973). Recursion is counted, so that no text overflows the stack.
//!
//! `^` binds tighter than a sign before it and to the right: −2^2 = −4, 2^3^2 = 512, 2^-1 = ½.

use std::collections::HashMap;

use super::functions::{FUNCTIONS, function};
use super::graph::{Graph, Id};
use super::lexer::{Placed, Token, tokens};
use super::{FORMULA_DEPTH_MAX, FORMULA_NODES_MAX, FormulaError, nearest};

const SUM: u8 = 10;
const PRODUCT: u8 = 20;
const SIGN: u8 = 30;
const POWER: u8 = 40;

/// Parses `text` into `graph`, with `names` for what it may use; returns the node of its value.
pub(super) fn parse(graph: &mut Graph, text: &str, names: &HashMap<String, Id>) -> Result<Id, FormulaError> {
    let tokens = tokens(text)?;
    let mut parser = Parser { graph, tokens, next: 0, depth: 0, names, defined: HashMap::new() };
    parser.definitions()?;
    let value = parser.expression(0)?;
    if parser.peek().token == Token::Sign(';') {
        parser.next += 1;
    }
    match parser.peek() {
        Placed { token: Token::End, .. } => Ok(value),
        Placed { token, at } => Err(FormulaError::at(*at, misplaced(token))),
    }
}

struct Parser<'a> {
    graph: &'a mut Graph,
    tokens: Vec<Placed>,
    next: usize,
    depth: usize,
    names: &'a HashMap<String, Id>,
    /// By `let`.
    defined: HashMap<String, Id>,
}

impl Parser<'_> {
    /// The next token; the end stays the next one for ever.
    fn peek(&self) -> &Placed {
        &self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn take(&mut self) -> Placed {
        let placed = self.peek().clone();
        self.next += 1;
        placed
    }

    fn expect(&mut self, sign: char, why: &str) -> Result<(), FormulaError> {
        let Placed { token, at } = self.take();
        if token == Token::Sign(sign) {
            return Ok(());
        }
        Err(FormulaError::at(at, format!("{}; {why}", misplaced(&token))))
    }

    /// `let name = expression;`, any number of times.
    fn definitions(&mut self) -> Result<(), FormulaError> {
        while self.peek().token == Token::Name("let".to_owned()) {
            let Some(Placed { token: Token::Name(name), at }) = self.tokens.get(self.next + 1).cloned() else {
                return Ok(());
            };
            self.next += 2;
            if self.names.contains_key(&name) || self.defined.contains_key(&name) || name == "pi" {
                return Err(FormulaError::at(at, format!("{name} has a meaning already, so let cannot give it one")));
            }
            self.expect('=', &format!("a value follows as in: let {name} = …;"))?;
            let value = self.expression(0)?;
            self.expect(';', "a semicolon ends what let defines")?;
            self.defined.insert(name, value);
        }
        Ok(())
    }

    fn expression(&mut self, least: u8) -> Result<Id, FormulaError> {
        self.depth += 1;
        if self.depth > FORMULA_DEPTH_MAX {
            return Err(FormulaError::over("expression_too_deep", "levels of nesting", FORMULA_DEPTH_MAX, self.depth));
        }
        let mut left = self.prefix()?;
        while let Token::Sign(sign) = self.peek().token {
            let power = match sign {
                '+' | '-' => SUM,
                '*' | '/' => PRODUCT,
                '^' => POWER,
                _ => break,
            };
            // The one that is met first binds, but for powers, of which the last one does.
            if power < least || (power == least && sign != '^') {
                break;
            }
            self.next += 1;
            let right = self.expression(power)?;
            left = match sign {
                '+' => self.graph.add(left, right),
                '-' => self.graph.subtract(left, right),
                '*' => self.graph.multiply(left, right),
                '/' => self.graph.divide(left, right),
                _ => self.graph.power(left, right),
            };
            self.bounded()?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn prefix(&mut self) -> Result<Id, FormulaError> {
        let Placed { token, at } = self.take();
        match token {
            Token::Number(value) => Ok(self.graph.number(value)),
            Token::Sign('-') => {
                let value = self.expression(SIGN)?;
                Ok(self.graph.negate(value))
            }
            Token::Sign('+') => self.expression(SIGN),
            Token::Sign('(') => {
                let value = self.expression(0)?;
                let why = format!("a closing parenthesis is missing for the one at character {at}");
                self.expect(')', &why)?;
                Ok(value)
            }
            Token::Name(name) if self.peek().token == Token::Sign('(') => self.call(&name, at),
            Token::Name(name) => self.name(&name, at),
            other => Err(FormulaError::at(at, misplaced(&other))),
        }
    }

    fn name(&self, name: &str, at: usize) -> Result<Id, FormulaError> {
        if let Some(id) = self.defined.get(name).or_else(|| self.names.get(name)) {
            return Ok(*id);
        }
        let known = self.names.keys().chain(self.defined.keys()).map(String::as_str);
        // Names in order, so that the answer does not depend on how they are kept.
        let mut known: Vec<&str> = known.collect();
        known.sort_unstable();
        let detail = match (nearest(name, known.into_iter()), function(name)) {
            (_, Some(_)) => format!("{name} is a function: its arguments follow between parentheses"),
            (Some(meant), _) => format!("there is no {name}; did you mean {meant}?"),
            (None, _) => format!("{name} is no column and no parameter: a parameter is listed under parameters"),
        };
        Err(FormulaError::unknown(at, detail))
    }

    fn call(&mut self, name: &str, at: usize) -> Result<Id, FormulaError> {
        let Some(function) = function(name) else {
            let detail = match nearest(name, FUNCTIONS.iter().map(|function| function.name)) {
                _ if self.names.contains_key(name) || self.defined.contains_key(name) => {
                    format!("{name} is no function; write {name}*( to multiply")
                }
                Some(meant) => format!("there is no function {name}; did you mean {meant}?"),
                None => format!("there is no function {name}"),
            };
            return Err(FormulaError::unknown(at, detail));
        };
        self.next += 1;
        let mut arguments = Vec::new();
        if self.peek().token != Token::Sign(')') {
            arguments.push(self.expression(0)?);
            while self.peek().token == Token::Sign(',') {
                self.next += 1;
                arguments.push(self.expression(0)?);
            }
        }
        self.expect(')', &format!("a closing parenthesis ends the arguments of {name}"))?;
        if !function.arguments.contains(&arguments.len()) {
            let takes = match function.arguments {
                [one] => one.to_string(),
                [first, .., last] if function.arguments.len() > 2 => format!("{first} to {last}"),
                several => several.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or "),
            };
            let given = arguments.len();
            return Err(FormulaError::at(at, format!("{name} takes {takes} arguments, not {given}")));
        }
        let value = (function.build)(self.graph, &arguments);
        self.bounded()?;
        Ok(value)
    }

    fn bounded(&self) -> Result<(), FormulaError> {
        let count = self.graph.nodes().len();
        if count > FORMULA_NODES_MAX {
            return Err(FormulaError::over("expression_too_long", "operations", FORMULA_NODES_MAX, count));
        }
        Ok(())
    }
}

fn misplaced(token: &Token) -> String {
    match token {
        Token::End => "the formula ends where a value or an operator is expected".to_owned(),
        Token::Number(value) => format!("an operator is expected before {value}; write * to multiply"),
        Token::Name(name) => format!("an operator is expected before {name}; write * to multiply"),
        Token::Sign(sign) => format!("{sign} is not expected here"),
    }
}
