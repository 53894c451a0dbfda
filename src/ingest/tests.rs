//! Hostile and ordinary bodies, one row a case.

use super::*;

const LIMITS: DataLimits = DataLimits { columns_max: 4, values_max: 20 };

fn columns(body: &str) -> Vec<(String, Vec<f64>)> {
    let posted = read(body.as_bytes(), LIMITS).expect("valid JSON");
    assert_eq!(posted.violations, [], "{body}");
    let data = posted.data.expect("data");
    data.names().iter().cloned().zip(data.columns().iter().map(|column| column.to_vec())).collect()
}

#[test]
fn columns_and_rows_mean_the_same() {
    let expected = vec![("x".to_owned(), vec![0.0, 1.0]), ("y".to_owned(), vec![3.1, 9_007_199_254_740_993.0])];
    assert_eq!(columns(r#"{"data": {"x": [0, 1], "y": [3.1, 9007199254740993]}}"#), expected);
    assert_eq!(columns(r#"{"data": {"rows": [[0, 3.1], [1, 9007199254740993]], "columns": ["x", "y"]}}"#), expected);
    assert_eq!(columns(r#"{"data": {"rows": [1, 2], "y": [3, 4]}}"#).len(), 2, "rows alone is a column");
}

#[test]
fn numbers_keep_their_bits() {
    let values = columns(r#"{"data": {"x": [-0.0, 5e-324, 1.7976931348623157e308, 0.1, -0]}}"#).remove(0).1;
    let bits: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
    assert_eq!(bits, [-0.0, 5e-324, f64::MAX, 0.1, -0.0].map(f64::to_bits));
}

#[test]
fn the_rest_keeps_order_and_how_numbers_were_written() {
    let posted = read(br#"{"b": 1, "data": {"x": [1]}, "a": [1e3, -1, 18446744073709551616]}"#, LIMITS).expect("JSON");
    let float = |number| Node::Number(Number::Float(number));
    let list = Node::List(vec![float(1e3), Node::Number(Number::Negative(-1)), float(18_446_744_073_709_551_616.0)]);
    assert_eq!(posted.rest, [("b".to_owned(), Node::Number(Number::Whole(1))), ("a".to_owned(), list)]);
}

#[test]
fn every_fault_of_the_data_has_its_code_and_pointer() {
    let cases: &[(&str, &[(&str, &str)])] = &[
        (
            r#"{"x": [1, null, "1.0", true]}"#,
            &[("invalid_value", "/data/x/1"), ("invalid_value", "/data/x/2"), ("invalid_value", "/data/x/3")],
        ),
        (r#"{"x": [[1]], "y": [{}]}"#, &[("invalid_value", "/data/x/0"), ("invalid_value", "/data/y/0")]),
        (r#"{"x": ["a", "b"]}"#, &[("invalid_value", "/data/x")]),
        (r#"{"a/b": 1, "y": [1]}"#, &[("invalid_value", "/data/a~1b")]),
        (r#"{"x": [1, 2], "y": [1], "z": [1]}"#, &[("dimension_mismatch", "/data/y")]),
        (r#"{"x": [1], "x": [2]}"#, &[("duplicate_field", "/data/x")]),
        ("{}", &[("dimension_mismatch", "/data")]),
        (r#"{"x": []}"#, &[("dimension_mismatch", "/data/x")]),
        (r#"{"columns": ["x", "y"], "rows": [[1, 2], [3]]}"#, &[("dimension_mismatch", "/data/rows/1")]),
        (r#"{"columns": ["x", "y"], "rows": [[1, 2, 3]]}"#, &[("dimension_mismatch", "/data/rows/0")]),
        (r#"{"columns": ["x", "x"], "rows": [[1, 2]]}"#, &[("duplicate_field", "/data/columns/1")]),
        (r#"{"columns": ["x", 2], "rows": [[1, 2]]}"#, &[("invalid_value", "/data/columns/1")]),
        (
            r#"{"columns": ["x"], "rows": [[1], [null], 3]}"#,
            &[("invalid_value", "/data/rows/2"), ("invalid_value", "/data/rows/1/0")],
        ),
        (r#"{"columns": [], "rows": []}"#, &[("dimension_mismatch", "/data/columns")]),
        (r#"{"columns": ["x"], "rows": []}"#, &[("dimension_mismatch", "/data/rows")]),
        (r#"{"columns": ["x"], "rows": [[1]], "z": 1}"#, &[("unknown_field", "/data/z")]),
        (r#"{"a": [1], "b": [1], "c": [1], "d": [1], "e": [1]}"#, &[("too_many_columns", "/data")]),
        (r#"{"columns": ["a", "b", "c", "d", "e"], "rows": [[1,2,3,4,5]]}"#, &[("too_many_columns", "/data")]),
        (r#"{"x": [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21]}"#, &[("too_many_values", "/data")]),
        (r#"{"dataset_id": "a"}"#, &[("unsupported_data_source", "/data/dataset_id")]),
        (r#"{"url": "http://example.com"}"#, &[("unsupported_data_source", "/data/url")]),
        ("null", &[("invalid_value", "/data")]),
        ("[1]", &[("invalid_value", "/data")]),
    ];
    for (data, expected) in cases {
        let posted = read(format!(r#"{{"data": {data}}}"#).as_bytes(), LIMITS).expect("valid JSON");
        let found: Vec<_> = posted.violations.iter().map(|fault| (fault.code, fault.pointer.as_str())).collect();
        assert_eq!(&found, expected, "{data}");
        assert!(posted.data.is_none(), "{data}");
    }
}

#[test]
fn limits_name_what_exceeded_them() {
    let posted = read(br#"{"data": {"a": [1], "b": [1], "c": [1], "d": [1], "e": [1]}}"#, LIMITS).expect("JSON");
    assert_eq!((posted.violations[0].limit, posted.violations[0].actual), (Some(4), Some(5)));
}

#[test]
fn no_more_faults_are_collected_than_say_something() {
    let nulls = vec!["null"; 500].join(",");
    let limits = DataLimits { values_max: 10_000, ..LIMITS };
    let posted = read(format!(r#"{{"data": {{"x": [{nulls}], "y": [{nulls}]}}}}"#).as_bytes(), limits).expect("JSON");
    assert_eq!(posted.violations.len(), VIOLATIONS_MAX);
}

#[test]
fn duplicate_keys_are_found_at_any_depth() {
    let posted = read(br#"{"data": {"x": [1]}, "a": {"b": 1, "b": 2}, "a": 3, "data": {}}"#, LIMITS).expect("JSON");
    let pointers: Vec<_> = posted.violations.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(pointers, ["/a/b", "/a", "/data"]);
}

#[test]
fn what_is_not_json_is_told_apart() {
    let deep = "[".repeat(100_000);
    let deep_data = format!(r#"{{"data": {{"x": {deep}"#);
    let kind = |body: &[u8]| match read(body, LIMITS).expect_err("not a document") {
        IngestError::Syntax { .. } => "invalid_json",
        IngestError::TooDeep { .. } => "json_too_deep",
        IngestError::OutOfRange { .. } => "number_out_of_range",
        IngestError::TooMany { .. } => "too_many_values",
    };
    let many = format!("[{}1]", "1,".repeat(60_000));
    let cases: &[(&[u8], &str)] = &[
        (b"", "invalid_json"),
        (br#"{"data""#, "invalid_json"),
        (br#"{} x"#, "invalid_json"),
        (b"\xef\xbb\xbf{}", "invalid_json"),
        (b"{\"a\": \"\xff\"}", "invalid_json"),
        (br#"{"a": "\ud800"}"#, "invalid_json"),
        (br#"{"data": {"x": [NaN]}}"#, "invalid_json"),
        (br#"{"data": {"x": [-Infinity]}}"#, "invalid_json"),
        (deep.as_bytes(), "json_too_deep"),
        (br#"{"data": {"x": [0, 1e999]}}"#, "number_out_of_range"),
        (many.as_bytes(), "too_many_values"),
    ];
    for (body, expected) in cases {
        assert_eq!(kind(body), *expected, "{:?}", String::from_utf8_lossy(&body[..body.len().min(40)]));
    }
    assert_eq!(kind(deep_data.as_bytes()), "json_too_deep");
}

#[test]
fn a_number_out_of_range_says_where() {
    let error = read(br#"{"data": {"x": [0, 1e999]}}"#, LIMITS).expect_err("out of range");
    let IngestError::OutOfRange { pointer, detail } = error else { panic!("{error:?}") };
    assert_eq!(pointer.as_deref(), Some("/data/x/1"));
    assert!(detail.contains("line 1 column"), "{detail}");
    let error = read(br#"{"data": {"x": [1]}, "stop": {"max_seconds": 1e999}}"#, LIMITS).expect_err("out of range");
    assert!(matches!(error, IngestError::OutOfRange { pointer: Some(at), .. } if at == "/stop/max_seconds"));
}
