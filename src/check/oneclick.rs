//! The address behind one-click unsubscribe (RFC 8058), as a receiver's machine meets it.
//!
//! Owns the findings about the endpoint and its certificate. The token that is tried is ours and belongs to no letter, so
//! trying it leaves everybody where they are.

use super::{
    book::{Book, Certificate, Page, Question, Seen},
    finding::{Findings, Fix},
    rules,
    subject::Subject,
};

pub(super) fn examine(subject: &Subject, book: &Book, found: &mut Findings) {
    let Some((url, token)) = &subject.unsubscribe else {
        return;
    };
    let before = found.troubles();
    let host = host_of(url);
    if book.addresses(host) == Some(Seen::None) {
        let fixes = match subject.addresses().first() {
            Some(address) => vec![Fix::address(host, *address)],
            None => vec![Fix::words(format!(
                "publish the address of the web server as {host}"
            ))],
        };
        found.add(&rules::ONE_CLICK_HOST, host, "it has no address", fixes);
        return;
    }
    let address = format!("{url}{token}");
    let (get, post) = (
        book.page(Question::Get(address.clone())),
        book.page(Question::OneClick(address)),
    );
    let (Some(get), Some(post)) = (get, post) else {
        return;
    };
    match (get, post) {
        (Err(what), _) | (_, Err(what)) => {
            let fix = Fix::words(format!(
                "let the web server of {url} pass requests to http.listen of `postrider serve`; docs/http.md shows how"
            ));
            found.add(
                &rules::ONE_CLICK_UNREACHABLE,
                url.as_str(),
                what.as_str(),
                vec![fix],
            );
        }
        (Ok(get), Ok(post)) => {
            certificate(url, post, found);
            obeys(url, get, post, found);
        }
    }
    found.fine(
        before,
        &rules::ONE_CLICK_OK,
        url,
        "it answers over https and obeys RFC 8058",
    );
}

fn host_of(url: &str) -> &str {
    let rest = url.trim_start_matches("https://");
    rest.split(['/', ':', '?']).next().unwrap_or(rest)
}

fn certificate(url: &str, page: &Page, found: &mut Findings) {
    let host = host_of(url);
    let (rule, seen) = match &page.certificate {
        Certificate::Good => return,
        Certificate::EndsSoon => (&rules::CERTIFICATE_ENDS, "it ends within two weeks"),
        Certificate::Ended => (&rules::CERTIFICATE_EXPIRED, "it has ended"),
        Certificate::Distrusted(why) => (&rules::CERTIFICATE_DISTRUSTED, why.as_str()),
    };
    let renew = format!("renew the certificate of {host} and let the web server read it anew");
    found.add(rule, host, seen, vec![Fix::words(renew)]);
}

fn obeys(url: &str, get: &Page, post: &Page, found: &mut Findings) {
    let direct = || {
        vec![Fix::words(format!(
            "let the web server of {url} pass POST and GET to http.listen of `postrider serve` without redirects, log-in or filters"
        ))]
    };
    if (300..400).contains(&post.status) {
        let to = post.location.as_deref().unwrap_or("somewhere");
        return found.add(
            &rules::ONE_CLICK_REDIRECT,
            url,
            format!("POST is sent on to {to}"),
            direct(),
        );
    }
    match post.status {
        // Gone: ours, and the token names no letter that is kept.
        200..=299 | 410 => {}
        404 => found.add(
            &rules::ONE_CLICK_FOREIGN,
            url,
            "POST with our token: 404",
            direct(),
        ),
        status => found.add(
            &rules::ONE_CLICK_REFUSED,
            url,
            format!("POST: status {status}"),
            direct(),
        ),
    }
    if get.status != 200 && post.status != 404 {
        found.add(
            &rules::ONE_CLICK_PAGE,
            url,
            format!("GET: status {}", get.status),
            direct(),
        );
    }
}
