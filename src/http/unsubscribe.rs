//! One-click unsubscribe (RFC 8058): the address behind `List-Unsubscribe`.
//!
//! Owns the page and the request. Promises: GET and HEAD never unsubscribe, because link scanners follow links; POST does,
//! and is answered with 200 only when it is written, once or many times alike; no cookie, no key, no redirect; a wrong token
//! learns nothing. Leaves the wish to whoever implements [`Unsubscribe`].

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    middleware::{from_fn, from_fn_with_state},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use futures_util::future::BoxFuture;

use super::{Limits, Problem, letters::read, problem, room, wrong_method};
use crate::port::StoreError;

/// The request's body is 26 octets; a form of a browser's multipart is a few hundred.
const BODY_OCTETS_MAX: usize = 8 << 10;

/// Behind a token of ours.
pub trait Unsubscribe: Send + Sync {
    /// Whether the token is ours, whatever became of its letter.
    fn knows(&self, token: &str) -> bool;

    /// Does it; the answer comes after the commit.
    fn unsubscribe<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Left, StoreError>>;
}

/// What became of the wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The reader gets no more of that stream.
    Done,
    /// The token is ours, and its letter is not kept any more.
    TooOld,
    /// The token is not ours.
    NotOurs,
}

#[derive(Clone)]
struct Desk {
    who: Arc<dyn Unsubscribe>,
    silence: Duration,
}

/// The addresses `<prefix><token>`, beside those of [`super::router`]. Prefixes begin and end with a slash.
pub fn unsubscribe_router(
    who: Arc<dyn Unsubscribe>,
    prefixes: &[String],
    limits: Limits,
) -> Router {
    let room = room::Room::new(limits.requests);
    let routes = prefixes.iter().fold(Router::new(), |router, prefix| {
        router.route(&format!("{prefix}{{token}}"), get(page).post(leave))
    });
    routes
        .route_layer(from_fn_with_state(room, room::enter))
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn(problem::plain_refusals))
        .with_state(Desk {
            who,
            silence: limits.silence,
        })
}

/// GET and HEAD: a page with a button, and nothing else happens.
async fn page(
    State(desk): State<Desk>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if !desk.who.knows(&token) {
        return Err(no_such());
    }
    Ok(show(StatusCode::OK, words(&headers).ask, true))
}

/// POST: the wish.
async fn leave(
    State(desk): State<Desk>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    if !desk.who.knows(&token) {
        return Err(no_such());
    }
    let body = read(body, BODY_OCTETS_MAX, desk.silence).await?;
    if !is_one_click(&body) {
        return Err(Problem::bad_request(
            "the body must be `List-Unsubscribe=One-Click` (RFC 8058 §3.2); nobody was unsubscribed",
        ));
    }
    let words = words(&headers);
    match desk.who.unsubscribe(&token).await? {
        Left::Done => Ok(show(StatusCode::OK, words.done, false)),
        Left::TooOld => Ok(show(StatusCode::GONE, words.too_old, false)),
        Left::NotOurs => Err(no_such()),
    }
}

/// The same words as for any address where nothing is.
fn no_such() -> Problem {
    Problem::not_found("there is nothing at this address; docs/http.md lists those there are")
}

/// As a form, or as a part of one (RFC 8058 §3.2 allows both).
fn is_one_click(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let is_pair = |pair: &str| {
        pair.trim()
            .eq_ignore_ascii_case("List-Unsubscribe=One-Click")
    };
    let is_part = |part: &str| {
        let part = part.to_ascii_lowercase();
        part.contains("name=\"list-unsubscribe\"") && part.trim_end().ends_with("one-click")
    };
    text.split('&').any(is_pair) || text.split("\r\n--").any(is_part)
}

struct Words {
    ask: [&'static str; 3],
    done: [&'static str; 3],
    too_old: [&'static str; 3],
}

/// Language, sentence, button.
const ENGLISH: Words = Words {
    ask: ["en", "Stop these letters?", "Unsubscribe"],
    done: ["en", "Done. You will get no more letters of this kind.", ""],
    too_old: [
        "en",
        "This link is too old. Please use the one in a newer letter.",
        "",
    ],
};

const RUSSIAN: Words = Words {
    ask: ["ru", "Больше не получать такие письма?", "Отписаться"],
    done: ["ru", "Готово. Таких писем больше не будет.", ""],
    too_old: [
        "ru",
        "Эта ссылка устарела. Воспользуйтесь ссылкой из более нового письма.",
        "",
    ],
};

/// In the reader's first language, if it is one of the two.
fn words(headers: &HeaderMap) -> &'static Words {
    let asked = headers.get(header::ACCEPT_LANGUAGE);
    let asked = asked.and_then(|value| value.to_str().ok()).unwrap_or("");
    if asked.trim_start().to_ascii_lowercase().starts_with("ru") {
        &RUSSIAN
    } else {
        &ENGLISH
    }
}

fn show(status: StatusCode, [language, sentence, button]: [&str; 3], asks: bool) -> Response {
    let form = if asks {
        format!(
            "<form method=\"post\"><input type=\"hidden\" name=\"List-Unsubscribe\" value=\"One-Click\">\
             <button>{button}</button></form>"
        )
    } else {
        String::new()
    };
    let page = format!(
        "<!doctype html><html lang=\"{language}\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{sentence}</title>\
         <style>body{{font:18px/1.5 sans-serif;margin:15vh auto;max-width:28em;padding:0 1em;text-align:center}}\
         button{{font:inherit;padding:.5em 1.5em}}</style><p>{sentence}</p>{form}</html>"
    );
    // The address is a secret of its reader: kept by no cache, told to nobody.
    let headers: [(HeaderName, &str); 4] = [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("x-robots-tag"), "noindex"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
        ),
    ];
    (status, headers, Html(page)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: bool) {
        assert_eq!(is_one_click(body.as_bytes()), expected, "{body}");
    }

    #[test]
    fn one_click_comes_as_a_form_of_either_kind() {
        check("List-Unsubscribe=One-Click", true);
        check("a=b&List-Unsubscribe=One-Click\r\n", true);
        check(
            "--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n",
            true,
        );
        check("", false);
        check("List-Unsubscribe=", false);
        check("unsubscribe=1", false);
    }
}
