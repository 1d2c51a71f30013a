//! A filter of HTTP requests.

use relinkable::{Type, relinkable};

/// A request of a client.
#[derive(Type)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What becomes of a request.
#[derive(Type, Debug, PartialEq)]
pub enum Decision {
    Reject {
        status: u16,
        reason: String,
    },
    /// With this body
    Forward(Vec<u8>),
}

/// Keeps strangers out.
#[relinkable]
pub fn decide(request: &Request) -> Decision {
    let known = request.headers.iter().any(|(name, _)| name == "authorization");
    match known || request.method == "GET" {
        true => Decision::Forward(request.body.clone()),
        false => Decision::Reject { status: 401, reason: format!("Who sends {}?", request.path) },
    }
}

/// Filters a request.
#[relinkable::export]
pub fn filter(request: Request) -> Decision {
    decide(&request)
}
