//! openapi.yaml as a judge: every answer's status, headers, content type and body must be documented.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::app::Answer;

/// The parsed document, with the validators that were needed so far.
pub(crate) struct Contract {
    pub(crate) document: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

static CONTRACT: LazyLock<Contract> = LazyLock::new(|| Contract {
    document: serde_norway::from_str(include_str!("../../openapi.yaml")).unwrap(),
    validators: Mutex::new(HashMap::new()),
});

/// One documented method of one path.
pub(crate) struct Operation<'a> {
    pub(crate) path: &'a str,
    pub(crate) method: Method,
    pub(crate) body: &'a Value,
}

impl Contract {
    /// The one of this repository.
    pub(crate) fn get() -> &'static Self {
        &CONTRACT
    }

    /// Every documented operation.
    pub(crate) fn operations(&self) -> Vec<Operation<'_>> {
        let mut all = Vec::new();
        for (path, item) in self.document["paths"].as_object().unwrap() {
            for (key, body) in item.as_object().unwrap() {
                if key != "parameters" {
                    let method = Method::from_bytes(key.to_uppercase().as_bytes()).unwrap();
                    all.push(Operation { path, method, body });
                }
            }
        }
        all
    }

    /// One of `components/schemas`.
    pub(crate) fn schema(&self, name: &str) -> &Value {
        &self.document["components"]["schemas"][name]
    }

    /// Panics unless the document allows this answer to this request.
    #[track_caller]
    pub(crate) fn check(&self, method: &Method, path: &str, answer: &Answer) {
        if let Err(fault) = self.judge(method, path, answer) {
            panic!("{method} {path} answered {} against openapi.yaml: {fault}\n{}", answer.status, answer.text());
        }
    }

    /// Panics unless `value` has the schema `name`.
    #[track_caller]
    pub(crate) fn check_schema(&self, name: &str, value: &Value) {
        let schema = json!({"$ref": format!("#/components/schemas/{name}")});
        if let Err(fault) = self.validate(name, &schema, value) {
            panic!("no {name}: {fault}\n{value}");
        }
    }

    fn judge(&self, method: &Method, path: &str, answer: &Answer) -> Result<(), String> {
        let status = answer.status.as_str();
        let (place, response) = match self.operation(method, path) {
            Found::Operation(template, operation) => {
                let response = &operation["responses"][status];
                if response.is_null() {
                    return Err("the status is not documented".to_owned());
                }
                (format!("{method} {template} {status}"), self.resolve(response))
            }
            // What is not in the document has two right answers, which it documents for all paths at once.
            Found::OtherMethod => self.common("MethodNotAllowed", "405", status)?,
            Found::Nothing => self.common("NotFound", "404", status)?,
        };
        self.judge_headers(response, answer)?;
        self.judge_body(&place, method, response, answer)
    }

    fn common(&self, name: &str, expected: &str, status: &str) -> Result<(String, &Value), String> {
        if status != expected {
            return Err(format!("the path or method is not documented, so {expected} is the answer"));
        }
        Ok((name.to_owned(), &self.document["components"]["responses"][name]))
    }

    fn judge_headers(&self, response: &Value, answer: &Answer) -> Result<(), String> {
        let none = Map::new();
        for (name, header) in response["headers"].as_object().unwrap_or(&none) {
            let header = self.resolve(header);
            match answer.header(name) {
                None if header["required"] == true => return Err(format!("the header {name} is missing")),
                None => {}
                Some(value) => {
                    let place = format!("header {name} {}", header["schema"]);
                    self.validate(&place, &header["schema"], &json!(value))
                        .map_err(|fault| format!("header {name}: {fault}"))?;
                }
            }
        }
        Ok(())
    }

    fn judge_body(&self, place: &str, method: &Method, response: &Value, answer: &Answer) -> Result<(), String> {
        let Some(types) = response["content"].as_object() else {
            return if answer.body.is_empty() { Ok(()) } else { Err("a body where none is documented".to_owned()) };
        };
        let full = answer.header("content-type").ok_or("there is no Content-Type")?;
        let kind = full.split(';').next().unwrap_or_default().trim();
        let media = types.get(kind).ok_or_else(|| format!("{kind} is not documented"))?;
        let is_json = kind == "application/json" || kind.ends_with("+json");
        if !is_json || *method == Method::HEAD {
            return Ok(());
        }
        let body = serde_json::from_slice(&answer.body).map_err(|error| format!("no JSON: {error}"))?;
        self.validate(&format!("{place} {kind}"), &media["schema"], &body)
    }

    fn operation(&self, method: &Method, path: &str) -> Found<'_> {
        let paths = self.document["paths"].as_object().unwrap();
        // A path without a parameter goes before one with.
        let exact = paths.get_key_value(path);
        let Some((template, item)) = exact.or_else(|| paths.iter().find(|(template, _)| matches(template, path)))
        else {
            return Found::Nothing;
        };
        let name = if *method == Method::HEAD { "get".to_owned() } else { method.as_str().to_lowercase() };
        item.get(&name).map_or(Found::OtherMethod, |operation| Found::Operation(template, operation))
    }

    /// What a reference means, or the value itself.
    pub(crate) fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self.document.pointer(reference.trim_start_matches('#')).unwrap(),
            None => value,
        }
    }

    fn validate(&self, place: &str, schema: &Value, value: &Value) -> Result<(), String> {
        let validator = {
            let mut validators = self.validators.lock().unwrap();
            Arc::clone(validators.entry(place.to_owned()).or_insert_with(|| Arc::new(self.compile(schema))))
        };
        let faults: Vec<_> =
            validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) }
    }

    /// A validator of this schema. References are resolved within one document, so the components come along.
    pub(crate) fn compile(&self, schema: &Value) -> Validator {
        let whole = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "allOf": [schema],
            "components": {"schemas": self.document["components"]["schemas"]},
        });
        jsonschema::options().should_validate_formats(true).build(&whole).unwrap()
    }
}

enum Found<'a> {
    Operation(&'a str, &'a Value),
    OtherMethod,
    Nothing,
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template.iter().zip(&path).all(|(a, b)| a == b || (a.starts_with('{') && !b.is_empty()))
}

#[test]
fn the_contract_refuses_what_it_does_not_document() {
    let answer = |status: u16, kind: &str, body: &str| Answer {
        status: reqwest::StatusCode::from_u16(status).unwrap(),
        headers: [("content-type", kind), ("x-request-id", "1")]
            .into_iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect(),
        body: body.as_bytes().to_vec(),
    };
    let judge = |path: &str, answer: &Answer| Contract::get().judge(&Method::GET, path, answer);
    assert_eq!(judge("/livez", &answer(200, "application/json", r#"{"status": "ok"}"#)), Ok(()));
    assert!(judge("/livez", &answer(200, "application/json", r#"{"status": "fine"}"#)).is_err());
    assert!(judge("/livez", &answer(200, "application/json", r#"{"status": "ok", "more": 1}"#)).is_err());
    assert!(judge("/livez", &answer(200, "text/plain", "ok")).is_err());
    assert!(judge("/livez", &answer(418, "application/json", "{}")).is_err());
    assert!(judge("/elsewhere", &answer(200, "application/json", "{}")).is_err());
    assert!(Contract::get().judge(&Method::PUT, "/livez", &answer(200, "application/json", "{}")).is_err());
}
