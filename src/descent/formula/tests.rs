//! What formulas mean, and what is said of those that mean nothing.

use super::{FORMULA_CHARACTERS_MAX, FormulaError, Tape, Tied, compile};
use crate::descent::Lanes;

fn tape(formula: &str) -> Result<Tape, FormulaError> {
    let free = |name| Tied { name, is_free: true, expr: None };
    let columns = ["x".to_owned(), "time (s)".to_owned()];
    compile(formula, &columns, &[free("a"), free("b"), free("rate")]).map_err(|(_, error)| error)
}

/// The value at x = 3, time = 5, a = 2, b = −0.5, rate = 7.
fn value(formula: &str) -> f64 {
    let tape = tape(formula).unwrap_or_else(|error| panic!("{formula}: {error}"));
    let mut out = [0.0];
    let uniforms = tape.uniforms(&[2.0, -0.5, 7.0]);
    tape.evaluate(&uniforms, &[&[3.0], &[5.0]], Lanes::chosen(), &mut tape.workspace(), &mut out);
    out[0]
}

#[test]
fn operators_bind_as_in_mathematics() {
    for (formula, expected) in [
        ("-2^2", -4.0),
        ("2^3^2", 512.0),
        ("2^-1", 0.5),
        ("2^-1*6", 3.0),
        ("-2^-2", -0.25),
        ("(-2)^2", 4.0),
        ("7-4-2", 1.0),
        ("16/4/2", 2.0),
        ("2+3*4", 14.0),
        ("2*3+4", 10.0),
        ("--3", 3.0),
        ("2*-3", -6.0),
        ("+4", 4.0),
        ("2**3", 8.0),
        ("6/2*3", 9.0),
        ("1e-3*1E3", 1.0),
        (".5+1.", 1.5),
        ("x^2", 9.0),
        ("(x+1)^0.5", 2.0),
        ("a*x+b", 5.5),
        ("2−1", 1.0),
        ("`time (s)`*a", 10.0),
        ("min(x, a, 5)", 2.0),
        ("max(x, a, 5)", 5.0),
        ("pow(a, 10)", 1024.0),
        ("hypot(x, 4)", 5.0),
        ("abs(b)", 0.5),
        ("sign(b)", -1.0),
        ("step(b)+step(a)", 1.0),
        ("sigmoid(0)", 0.5),
        ("gaussian(a, a, 3)", 1.0),
        ("gaussian(0)", 1.0),
        ("lorentzian(1)", 0.5),
        ("cos(pi)", -1.0),
        ("log(exp(1))", 1.0),
        ("ln(1)+log10(100)", 2.0),
        ("let u = x/a; u*u", 2.25),
        ("let u = x; let v = u+1; u*v;", 12.0),
    ] {
        assert_eq!(value(formula).to_bits(), f64::to_bits(expected), "{formula} is {}", value(formula));
    }
    for (formula, expected) in [
        ("asinh(-3)", -1.818_446_459_232_066_8),
        ("acosh(3)", 1.762_747_174_039_086),
        ("atanh(0.5)", 0.549_306_144_334_054_8),
        ("softplus(800)", 800.0),
        ("logit(0.25)", -1.098_612_288_668_109_8),
    ] {
        assert!((value(formula) - expected).abs() <= 1e-15 * expected.abs(), "{formula} is {}", value(formula));
    }
}

#[test]
fn an_error_points_at_the_character_and_says_what_was_meant() {
    for (formula, code, detail) in [
        ("a*expp(-b*x)", "unknown_name", "at character 3: there is no function expp; did you mean exp?"),
        ("a*x + raet", "unknown_name", "at character 7: there is no raet; did you mean rate?"),
        ("a*X", "unknown_name", "at character 3: there is no X; did you mean x?"),
        (
            "a*zebra",
            "unknown_name",
            "at character 3: zebra is no column and no parameter: a parameter is listed under parameters",
        ),
        ("2x", "invalid_formula", "at character 2: an operator is expected before x; write * to multiply"),
        ("a b", "invalid_formula", "at character 3: an operator is expected before b; write * to multiply"),
        (
            "a*(x+1",
            "invalid_formula",
            "at character 7: the formula ends where a value or an operator is expected; a closing parenthesis is missing for the one at character 3",
        ),
        ("a+", "invalid_formula", "at character 3: the formula ends where a value or an operator is expected"),
        ("", "invalid_formula", "at character 1: the formula ends where a value or an operator is expected"),
        ("a*)", "invalid_formula", "at character 3: ) is not expected here"),
        ("a $ b", "invalid_formula", "at character 3: '$' has no meaning here"),
        ("exp", "unknown_name", "at character 1: exp is a function: its arguments follow between parentheses"),
        ("exp()", "invalid_formula", "at character 1: exp takes 1 arguments, not 0"),
        ("a(x)", "unknown_name", "at character 1: a is no function; write a*( to multiply"),
        ("`x", "invalid_formula", "at character 1: this backquote has no other end"),
        ("1e999", "invalid_formula", "at character 1: 1e999 is no number that a double can hold"),
        ("let x = 1; x", "invalid_formula", "at character 5: x has a meaning already, so let cannot give it one"),
        (
            "let u = 1 u",
            "invalid_formula",
            "at character 11: an operator is expected before u; write * to multiply; a semicolon ends what let defines",
        ),
    ] {
        let error = tape(formula).expect_err(formula);
        assert_eq!((error.code, error.detail.as_str()), (code, detail), "{formula}");
    }
}

#[test]
fn what_is_too_long_or_too_deep_is_refused_before_it_costs_anything() {
    let long = "a+".repeat(FORMULA_CHARACTERS_MAX);
    for (formula, code) in [
        (format!("{long}a"), "expression_too_long"),
        ("(".repeat(2_000), "expression_too_deep"),
        (format!("{}a", "-".repeat(2_000)), "expression_too_deep"),
        ("2^".repeat(1_000) + "2", "expression_too_deep"),
        ("sin(".repeat(1_000), "expression_too_deep"),
        ((0..700).map(|k| format!("x^{k}.5+")).collect::<String>() + "1", "expression_too_long"),
    ] {
        let error = tape(&formula).expect_err("refused");
        assert_eq!(error.code, code, "{}", &formula[..20]);
        assert!(error.limit.is_some_and(|(limit, actual)| actual > limit));
    }
    let chain = vec!["a"; 900].join("+");
    assert!(tape(&chain).is_ok(), "a long sum has no depth");
}

#[test]
fn what_is_repeated_is_shared_and_what_is_constant_is_computed() {
    let operations = |formula: &str| tape(formula).expect("valid").operations();
    // One sum more, and its tangents.
    assert!(operations("exp(-b*x)+exp(x*-b)") <= operations("exp(-b*x)") + 3.0);
    assert_eq!(value("2*3*pi").to_bits(), (6.0 * std::f64::consts::PI).to_bits());
}

#[test]
fn a_parameter_may_be_tied_to_others() {
    let free = |name| Tied { name, is_free: true, expr: None };
    let tied = |name, expr| Tied { name, is_free: false, expr: Some(expr) };
    let columns = ["x".to_owned()];
    let tape = compile("a*x+c", &columns, &[tied("c", "d+1"), free("a"), tied("d", "2*a^2")]).expect("valid");
    let uniforms = tape.uniforms(&[0.0, 3.0, 0.0]);
    assert_eq!(uniforms.parameters(), [19.0, 3.0, 18.0]);
    assert_eq!(tape.ties(&uniforms), [[12.0], [1.0], [12.0]]);
    let (place, error) = compile("a*x", &columns, &[tied("a", "b"), tied("b", "a")]).expect_err("a circle");
    assert_eq!((place, error.detail.as_str()), (Some(0), "a is tied to itself, over others or not"));
    let (place, _) = compile("a*x", &columns, &[tied("a", "x")]).expect_err("no column in a tie");
    assert_eq!(place, Some(0));
}

#[test]
fn the_linear_parameters_are_known() {
    let linear = |formula: &str, names: &[&'static str]| {
        let parameters: Vec<Tied<'_>> = names.iter().map(|name| Tied { name, is_free: true, expr: None }).collect();
        let tape = compile(formula, &["x".to_owned()], &parameters).expect("valid");
        tape.linear().iter().map(|k| names[*k]).collect::<Vec<_>>()
    };
    assert_eq!(linear("a*exp(-b*x)+c", &["a", "b", "c"]), ["a", "c"]);
    assert_eq!(linear("a*(1-exp(-b*x))", &["a", "b"]), ["a"]);
    assert_eq!(linear("a*b*x+c", &["a", "b", "c"]), ["a", "c"]);
    assert_eq!(linear("(a+b*x)/(1+c*x)", &["a", "b", "c"]), ["a", "b"]);
    assert_eq!(linear("a/(b+x)", &["a", "b"]), ["a"]);
    assert_eq!(linear("x^a", &["a"]), [""; 0]);
    assert_eq!(linear("-(a-2*b)*x", &["a", "b"]), ["a", "b"]);
}
