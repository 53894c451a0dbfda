//! Texts of every kind, on a thread with a small stack: each is a formula or is refused, and none ends the process. How
//! many are tried is in `FITD_FUZZ_FORMULAS`.

use super::{FORMULA_CHARACTERS_MAX, Tied, compile, names_in};
use crate::descent::Lanes;

/// A hundredth of what a thread usually has.
const STACK_BYTES: usize = 96 * 1024;
const FORMULAS: usize = 20_000;

const PIECES: [&str; 48] = [
    "a",
    "b",
    "x",
    "pi",
    "1",
    "2.5",
    "1e-3",
    ".5",
    "1e400",
    "0",
    "+",
    "-",
    "*",
    "/",
    "^",
    "**",
    "(",
    ")",
    "(",
    ")",
    ",",
    ";",
    "=",
    "let ",
    "let u=",
    "u",
    "exp(",
    "log(",
    "sin(",
    "sqrt(",
    "min(",
    "max(",
    "pow(",
    "gaussian(",
    "voigt(",
    "atan2(",
    " ",
    "\n",
    "`x`",
    "`",
    "−",
    "é",
    "\u{0}",
    "1e",
    "..",
    "😀",
    "expp(",
    "abs(",
];

const WHOLE: [&str; 6] = [
    "a*exp(-b*x)+2",
    "let u = (x-a)/b; exp(-u*u/2)",
    "voigt(x-a, b, 1)",
    "a*x^b/(1+x^b)",
    "min(a, b, x)+max(x,1)^2",
    "hypot(a,x)-log(b+x)",
];

struct Draw(u64);

impl Draw {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % count.max(1)
    }
}

/// Pieces in a row, a formula with characters changed, or one piece again and again.
fn text(draw: &mut Draw) -> String {
    match draw.below(10) {
        0..=3 => (0..=draw.below(30)).map(|_| PIECES[draw.below(PIECES.len())]).collect(),
        4 => {
            let piece = PIECES[draw.below(PIECES.len())];
            piece.repeat(1 + draw.below(2 * FORMULA_CHARACTERS_MAX / piece.len()))
        }
        5 => {
            let (open, close) =
                [("(", ")"), ("sin(", ")"), ("-", ""), ("2^", ""), ("a+(", ")"), ("min(a,", ")")][draw.below(6)];
            let depth = draw.below(120);
            format!("{}x{}", open.repeat(depth), close.repeat(depth))
        }
        _ => {
            let mut characters: Vec<char> = WHOLE[draw.below(WHOLE.len())].chars().collect();
            for _ in 0..draw.below(4) {
                let at = draw.below(characters.len());
                match draw.below(3) {
                    0 if characters.len() > 1 => {
                        characters.remove(at);
                    }
                    1 => {
                        let copy = characters[draw.below(characters.len())];
                        characters.insert(at, copy);
                    }
                    _ => characters.extend(PIECES[draw.below(PIECES.len())].chars()),
                }
            }
            characters.into_iter().collect()
        }
    }
}

/// Compiles and evaluates; says whether it is a formula.
fn tried(text: &str) -> bool {
    let free = |name| Tied { name, is_free: true, expr: None };
    let _ = names_in(text);
    let Ok(tape) = compile(text, &["x".to_owned()], &[free("a"), free("b")]) else { return false };
    let uniforms = tape.uniforms(&[0.7, 1.3]);
    let (mut room, lanes) = (tape.workspace(), Lanes::chosen());
    let (x, mut out) = ([0.5, -1.0, 1e300], [0.0; 3]);
    tape.evaluate(&uniforms, &[&x], lanes, &mut room, &mut out);
    tape.incline(&uniforms, &[&x], lanes, &mut room, x.len());
    (0..2).for_each(|k| tape.column(k, &uniforms, &mut room, &mut out));
    let mut adjoint = tape.adjoint();
    tape.pull(&uniforms, &out, lanes, &mut room, &mut adjoint);
    tape.gradient(&uniforms, adjoint);
    true
}

#[test]
fn no_text_overflows_the_stack_or_ends_the_process() {
    let count = std::env::var("FITD_FUZZ_FORMULAS").ok().and_then(|count| count.parse().ok()).unwrap_or(FORMULAS);
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
        let mut draw = Draw(11);
        let valid = (0..count).filter(|_| tried(&text(&mut draw))).count();
        // A tie is parsed by the same parser; a long chain of them is no recursion.
        let names: Vec<String> = (0..200).map(|k| format!("t{k}")).collect();
        let exprs: Vec<String> = (0..200).map(|k| format!("t{}+1", k + 1)).collect();
        let mut tied: Vec<Tied<'_>> =
            names.iter().zip(&exprs).map(|(name, expr)| Tied { name, is_free: false, expr: Some(expr) }).collect();
        tied.push(Tied { name: "t200", is_free: true, expr: None });
        assert!(compile("t0*x", &["x".to_owned()], &tied).is_ok());
        valid
    });
    let valid = thread.expect("a thread").join().expect("no panic");
    assert!(valid > count / 20, "only {valid} of {count} texts were formulas");
}
