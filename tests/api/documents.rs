//! The documents that the service carries, and that its routes are those of openapi.yaml.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use crate::app::spawn_app;
use crate::contract::Contract;

#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_served_as_it_stands_in_the_repository() {
    let app = spawn_app().await;
    let yaml = app.get("/openapi.yaml").await.expect(200);
    assert_eq!(yaml.text(), include_str!("../../openapi.yaml"));
    let json = app.get("/openapi.json").await.expect(200);
    assert_eq!(json.json(), Contract::get().document);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_docs_load_everything_from_this_server() {
    let app = spawn_app().await;
    let page = app.get("/docs").await.expect(200).text();
    let files = linked(&page);
    assert!(!files.is_empty(), "the page loads its parts");
    for file in files {
        assert!(!file.contains("//"), "{file} is on another server");
        let path = if file.starts_with('/') { file } else { format!("/docs/{}", file.trim_start_matches("./")) };
        assert!(!app.get(&path).await.expect(200).body.is_empty(), "{path}");
    }
    assert_eq!(app.get("/docs/no-such-file.js").await.problem(404), "not_found");
}

/// What `src` and `href` of a page point to.
fn linked(page: &str) -> BTreeSet<String> {
    ["src=\"", "href=\""]
        .into_iter()
        .flat_map(|attribute| page.split(attribute).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .filter(|target| !target.is_empty() && !target.starts_with('#') && !target.starts_with("data:"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_path_has_the_documented_methods_and_no_other() {
    let app = spawn_app().await;
    let methods =
        ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"].map(|name| name.parse::<Method>().unwrap());
    let operations = Contract::get().operations();
    let paths: BTreeSet<_> = operations.iter().map(|operation| operation.path).collect();
    for path in paths {
        let documented: BTreeSet<_> =
            operations.iter().filter(|one| one.path == path).map(|one| one.method.as_str().to_owned()).collect();
        let real = path
            .replace("{id}", "01936f2c-8a51-7c3e-9d40-5b1c2f7e9a10")
            .replace("{file}", "x.css")
            .replace("{picture}", "loss.svg");
        for method in &methods {
            let answer = app.send(app.request(method.clone(), &real)).await;
            if documented.contains(method.as_str()) {
                assert_ne!(answer.status, 405, "{method} {path}");
                let code = if answer.status == 404 { answer.json()["code"].clone() } else { Value::Null };
                assert!(
                    code != "not_found" || ["/docs/{file}", "/page/{file}"].contains(&path),
                    "{method} {path} is not routed"
                );
            } else {
                let allow: BTreeSet<_> =
                    answer.header("allow").unwrap().split(',').map(|one| one.trim().to_owned()).collect();
                assert_eq!(answer.clone().problem(405), "method_not_allowed", "{method} {path}");
                let listed = allow.into_iter().filter(|one| one != "HEAD").collect::<BTreeSet<_>>();
                assert_eq!(listed, documented, "Allow of {path}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_is_alive_and_ready() {
    let app = spawn_app().await;
    app.get("/livez").await.expect(200);
    assert_eq!(app.get("/readyz").await.expect(200).json()["queued"], 0);
}

#[test]
fn every_example_has_its_schema() {
    let contract = Contract::get();
    let mut seen = 0;
    let mut check = |what: &str, media: &Value| {
        // An event stream has a form, but no schema: its examples are read by people.
        let Some(schema) = media.get("schema") else { return };
        let validator = contract.compile(schema);
        for (name, example) in media["examples"].as_object().unwrap() {
            let faults: Vec<_> = validator.iter_errors(&example["value"]).map(|fault| fault.to_string()).collect();
            assert!(faults.is_empty(), "{what} {name}: {faults:?}");
            seen += 1;
        }
    };
    for operation in contract.operations() {
        let what = format!("{} {}", operation.method, operation.path);
        for (_, media) in operation.body["requestBody"]["content"].as_object().into_iter().flatten() {
            check(&what, media);
        }
        for (status, response) in operation.body["responses"].as_object().unwrap() {
            for (_, media) in contract.resolve(response)["content"].as_object().into_iter().flatten() {
                check(&format!("{what} {status}"), media);
            }
        }
    }
    assert!(seen > 100, "{seen} examples were checked");
}
