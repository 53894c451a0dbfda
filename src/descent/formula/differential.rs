//! Values and slopes of random formulas against evaluators that share nothing with the tape: the text is evaluated by
//! `exmex`, the tree that it was written from by the dual numbers of `num-dual`.

use exmex::Express;
use num_dual::{Dual64, DualNum};

use super::{BLOCK_ROWS, Tied, compile};
use crate::descent::Lanes;

/// Formulas that are tried.
const FORMULAS: usize = 3_000;
/// Their parameters; `x` is the column.
const NAMES: [&str; 3] = ["p", "q", "r"];

/// Seeded numbers.
struct Draw(u64);

impl Draw {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    fn below(&mut self, count: usize) -> usize {
        (self.uniform() * count as f64) as usize
    }
}

/// A formula as a tree.
enum Tree {
    Number(f64),
    X,
    Parameter(usize),
    Negate(Box<Tree>),
    Call(&'static str, Box<Tree>),
    Operate(char, Box<Tree>, Box<Tree>),
}

const FUNCTIONS: [&str; 16] = [
    "exp", "ln", "log10", "log2", "sqrt", "cbrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh",
    "abs",
];

fn tree(draw: &mut Draw, depth: usize) -> Tree {
    let boxed = |draw: &mut Draw| Box::new(tree(draw, depth - 1));
    match if depth == 0 { draw.below(4) } else { draw.below(12) } {
        0 => Tree::Number((1.0 + draw.uniform() * 4.0).round() / [1.0, 2.0, 10.0][draw.below(3)]),
        1 => Tree::X,
        2 | 3 => Tree::Parameter(draw.below(NAMES.len())),
        4 => Tree::Negate(boxed(draw)),
        5..=7 => Tree::Call(FUNCTIONS[draw.below(FUNCTIONS.len())], boxed(draw)),
        _ => {
            let sign = ['+', '-', '*', '/', '^'][draw.below(5)];
            Tree::Operate(sign, boxed(draw), boxed(draw))
        }
    }
}

impl Tree {
    /// How tightly it binds; see the parser.
    fn power(&self) -> u8 {
        match self {
            Self::Operate('+' | '-', ..) => 10,
            Self::Operate('*' | '/', ..) => 20,
            Self::Negate(_) => 30,
            Self::Operate(..) => 40,
            _ => 50,
        }
    }

    /// As a person writes it: with the parentheses that it needs, and a few more.
    fn text(&self, draw: &mut Draw) -> String {
        let within = |part: &Self, least: u8, draw: &mut Draw| {
            let text = part.text(draw);
            if part.power() < least || draw.uniform() < 0.1 { format!("({text})") } else { text }
        };
        match self {
            Self::Number(value) => format!("{value}"),
            Self::X => "x".to_owned(),
            Self::Parameter(index) => NAMES[*index].to_owned(),
            Self::Negate(part) => format!("-{}", within(part, 30, draw)),
            Self::Call(name, part) => format!("{name}({})", part.text(draw)),
            Self::Operate(sign, left, right) => {
                let own = self.power();
                // Powers bind to the right, all others to the left.
                let (least, most) = if *sign == '^' { (own + 1, own) } else { (own, own + 1) };
                let space = if draw.uniform() < 0.3 { " " } else { "" };
                format!("{}{space}{sign}{space}{}", within(left, least, draw), within(right, most, draw))
            }
        }
    }

    /// With every parenthesis, so that no rule of precedence matters.
    fn spelled(&self) -> String {
        match self {
            Self::Number(value) => format!("{value}"),
            Self::X => "x".to_owned(),
            Self::Parameter(index) => NAMES[*index].to_owned(),
            Self::Negate(part) => format!("(0-({}))", part.spelled()),
            Self::Call(name, part) => format!("{name}({})", part.spelled()),
            Self::Operate(sign, left, right) => format!("(({}){sign}({}))", left.spelled(), right.spelled()),
        }
    }

    /// The value and slope as dual numbers; `largest` follows the sizes on the way, which rounding errors grow with.
    fn dual(&self, x: f64, at: &[Dual64], largest: &mut f64) -> Dual64 {
        let out = match self {
            Self::Number(value) => Dual64::from_re(*value),
            Self::X => Dual64::from_re(x),
            Self::Parameter(index) => at[*index],
            Self::Negate(part) => -part.dual(x, at, largest),
            Self::Call(name, part) => {
                let part = part.dual(x, at, largest);
                match *name {
                    "exp" => part.exp(),
                    "ln" => part.ln(),
                    "log10" => part.log10(),
                    "log2" => part.log2(),
                    "sqrt" => part.sqrt(),
                    "cbrt" => part.cbrt(),
                    "sin" => part.sin(),
                    "cos" => part.cos(),
                    "tan" => part.tan(),
                    "asin" => part.asin(),
                    "acos" => part.acos(),
                    "atan" => part.atan(),
                    "sinh" => part.sinh(),
                    "cosh" => part.cosh(),
                    "tanh" => part.tanh(),
                    _ => {
                        if part.re < 0.0 {
                            -part
                        } else {
                            part
                        }
                    }
                }
            }
            Self::Operate(sign, left, right) => {
                let (left, right) = (left.dual(x, at, largest), right.dual(x, at, largest));
                match sign {
                    '+' => left + right,
                    '-' => left - right,
                    '*' => left * right,
                    '/' => left / right,
                    _ if right.eps == 0.0 => left.powf(right.re),
                    _ => left.powd(right),
                }
            }
        };
        *largest = largest.max(out.re.abs()).max(out.eps.abs()).max(1.0 / out.re.abs().max(1e-6));
        out
    }
}

#[test]
fn random_formulas_have_the_values_and_slopes_of_independent_evaluators() {
    let mut draw = Draw(7);
    let (mut compared, mut slopes) = (0, 0);
    let xs: Vec<f64> = (0..BLOCK_ROWS + 3).map(|_| 0.1 + 2.0 * draw.uniform()).collect();
    for _ in 0..FORMULAS {
        let tree = tree(&mut draw, 4);
        let (text, spelled) = (tree.text(&mut draw), tree.spelled());
        let parameters = [0.3 + draw.uniform(), 0.5 + draw.uniform(), 1.5 * draw.uniform() - 0.7];
        let tied = NAMES.map(|name| Tied { name, is_free: true, expr: None });
        let tape = compile(&text, &["x".to_owned()], &tied).unwrap_or_else(|(_, error)| panic!("{text}: {error}"));
        let other = exmex::parse::<f64>(&spelled).unwrap_or_else(|error| panic!("{spelled}: {error}"));
        let uniforms = tape.uniforms(&parameters);
        let (mut room, lanes) = (tape.workspace(), Lanes::chosen());
        // The block after the first: a short one.
        let xs = &xs[BLOCK_ROWS..];
        let mut values = vec![0.0; xs.len()];
        tape.evaluate(&uniforms, &[xs], lanes, &mut room, &mut values);
        tape.incline(&uniforms, &[xs], lanes, &mut room, xs.len());
        let mut columns = vec![vec![0.0; xs.len()]; NAMES.len()];
        (0..NAMES.len()).for_each(|k| tape.column(k, &uniforms, &mut room, &mut columns[k]));
        for (row, x) in xs.iter().enumerate() {
            let of = |name: &String| if name == "x" { *x } else { parameters[usize::from(name.as_bytes()[0] - b'p')] };
            let expected = other.eval(&other.var_names().iter().map(of).collect::<Vec<_>>()).expect("a value");
            let mut largest = 1.0;
            for k in 0..NAMES.len() {
                let at: Vec<Dual64> =
                    (0..NAMES.len()).map(|j| Dual64::new(parameters[j], f64::from(u8::from(j == k)))).collect();
                let dual = tree.dual(*x, &at, &mut largest);
                if largest > 1e6 || !dual.eps.is_finite() || !dual.re.is_finite() {
                    continue;
                }
                slopes += 1;
                let error = (columns[k][row] - dual.eps).abs();
                assert!(
                    error <= 1e-13 * largest * largest,
                    "{text} by {} at {x}: {} {}",
                    NAMES[k],
                    columns[k][row],
                    dual.eps
                );
            }
            if !expected.is_finite() || largest > 1e6 {
                continue;
            }
            compared += 1;
            let error = (values[row] - expected).abs();
            assert!(error <= 1e-13 * largest * largest, "{text} at {x} is {}, not {expected}", values[row]);
        }
        // Reverse mode says of a sum over rows what the columns say together.
        let seeds: Vec<f64> = (0..xs.len()).map(|_| draw.uniform()).collect();
        let mut adjoint = tape.adjoint();
        tape.pull(&uniforms, &seeds, lanes, &mut room, &mut adjoint);
        let gradient = tape.gradient(&uniforms, adjoint);
        for (k, column) in columns.iter().enumerate() {
            let sum: f64 = column.iter().zip(&seeds).map(|(slope, seed)| slope * seed).sum();
            let size: f64 = column.iter().zip(&seeds).map(|(slope, seed)| (slope * seed).abs()).sum();
            if size.is_finite() && size < 1e6 && gradient[k].is_finite() {
                assert!(
                    (gradient[k] - sum).abs() <= 1e-9 * size.max(1.0),
                    "{text} by {}: {} {sum}",
                    NAMES[k],
                    gradient[k]
                );
            }
        }
    }
    assert!(compared > 2 * FORMULAS, "{compared} values were comparable");
    assert!(slopes > 6 * FORMULAS, "{slopes} slopes were comparable");
}

#[test]
fn functions_without_a_peer_have_the_slopes_of_central_differences() {
    let formulas = [
        "erf(p*x)",
        "erfc(p*x)",
        "sigmoid(p*x-q)",
        "expm1(p*x)",
        "log1p(p*x)",
        "hypot(p,x)",
        "atan2(p,x)",
        "voigt(x-p,q,q/2)",
        "gaussian(x,p,q)",
        "lorentzian(x,p,q)",
        "min(p*x,q,2)",
        "max(p*x,q)",
        "softplus(p*x)",
        "logit(p/4)*x",
        "asinh(p*x)",
        "acosh(1+p+x)",
        "atanh(p/4)",
        "sign(p)*x*q",
        "step(x-p)*q",
        "square(p*x)",
        "pow(x,p)",
        "x^p",
        "p^x",
        "(-p)^3*x",
        "let u = p*x; u*exp(-u)",
    ];
    let tied = NAMES.map(|name| Tied { name, is_free: true, expr: None });
    for formula in formulas {
        let tape = compile(formula, &["x".to_owned()], &tied).unwrap_or_else(|(_, error)| panic!("{formula}: {error}"));
        let (mut room, lanes) = (tape.workspace(), Lanes::chosen());
        let at = [0.83, 0.57, 0.4];
        let mut value = |at: &[f64], x: f64| {
            let mut out = [0.0];
            tape.evaluate(&tape.uniforms(at), &[&[x]], lanes, &mut room, &mut out);
            out[0]
        };
        for x in [0.31, 1.27, 2.9] {
            for k in 0..2 {
                let h = 1e-5;
                let moved = |side: f64| {
                    let mut at = at;
                    at[k] += side * h;
                    at
                };
                let (near, far) =
                    (value(&moved(1.0), x) - value(&moved(-1.0), x), value(&moved(2.0), x) - value(&moved(-2.0), x));
                // Of fourth order.
                let expected = (8.0 * near - far) / (12.0 * h);
                let uniforms = tape.uniforms(&at);
                let mut room = tape.workspace();
                let mut slope = [0.0];
                tape.evaluate(&uniforms, &[&[x]], lanes, &mut room, &mut slope);
                tape.incline(&uniforms, &[&[x]], lanes, &mut room, 1);
                tape.column(k, &uniforms, &mut room, &mut slope);
                assert!(
                    (slope[0] - expected).abs() <= 1e-9 * expected.abs().max(1.0),
                    "{formula} by {} at {x}: {} {expected}",
                    NAMES[k],
                    slope[0]
                );
            }
        }
    }
}
