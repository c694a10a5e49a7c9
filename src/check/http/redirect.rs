//! Where a redirect leads, if it may be followed. Pure.

use std::fmt;
use std::net::IpAddr;

use hyper::http::uri::Authority;

use super::url::Url;

/// One request of a check. The address is always the real server's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    pub tls: bool,
    pub port: u16,
    /// The site that the real server is asked for, if it is a proxy.
    pub site: Option<String>,
    /// Path and query.
    pub request: String,
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.site {
            Some(site) => write!(f, "http://{site}{}", self.request),
            None => f.write_str(&self.request),
        }
    }
}

/// Names of the server that is checked.
pub struct Origin {
    address: IpAddr,
    virtual_host: Option<String>,
}

impl Origin {
    pub fn new(address: IpAddr, virtual_host: Option<&str>) -> Self {
        let bare = virtual_host.and_then(|name| name.parse::<Authority>().ok()).map(|name| canonical(name.host()));
        Self { address, virtual_host: bare }
    }

    fn is(&self, host: &str) -> bool {
        let host = canonical(host);
        self.virtual_host.as_deref() == Some(host.as_str()) || host.parse() == Ok(self.address)
    }
}

fn canonical(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase()
}

/// The next request, or why there is none (end of a sentence: `redirect to "…": …`).
///
/// A redirect that keeps the scheme keeps the port: the port in it is the virtual service's, which clients see, and
/// ours may differ (`checkport`, masquerading). One that changes the scheme leads to its own port on the same server.
pub fn resolve(origin: &Origin, from: &Hop, location: &str) -> Result<Hop, String> {
    let location = location.split('#').next().unwrap_or_default().trim();
    let Some((tls, rest)) = split_scheme(from, location)? else {
        return Ok(Hop { request: relative(&from.request, location), ..from.clone() });
    };
    if from.site.is_some() {
        // A proxy is asked for any site; what is encrypted it passes on unseen.
        return match Url::split(rest) {
            _ if tls => Err("https, for which a proxy is not asked".into()),
            Some(url) => Ok(Hop { site: Some(url.authority), request: url.request, ..from.clone() }),
            None => Err("not a URL".into()),
        };
    }
    let (authority, request) = match rest.find(['/', '?']) {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let authority: Authority = authority.parse().map_err(|_| "not a URL".to_owned())?;
    if !origin.is(authority.host()) {
        return Err(format!("another host, only {} is checked (set virtualhost if this is its name)", origin.address));
    }
    let default = if tls { 443 } else { 80 };
    let port = if tls == from.tls { from.port } else { authority.port_u16().unwrap_or(default) };
    let request = if request.starts_with('?') { format!("/{request}") } else { request.to_owned() };
    Ok(Hop { tls, port, site: None, request })
}

/// Scheme and what follows `//`; `None` for a reference without host.
fn split_scheme<'a>(from: &Hop, location: &'a str) -> Result<Option<(bool, &'a str)>, String> {
    if let Some(rest) = location.strip_prefix("//") {
        return Ok(Some((from.tls, rest)));
    }
    let Some((scheme, rest)) = location.split_once(':') else { return Ok(None) };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    if !is_scheme {
        return Ok(None);
    }
    let tls = match scheme.to_ascii_lowercase().as_str() {
        "http" => false,
        "https" => true,
        _ => return Err("neither http nor https".to_owned()),
    };
    rest.strip_prefix("//").map(|rest| Some((tls, rest))).ok_or_else(|| "not a URL".to_owned())
}

/// RFC 3986 section 5.2, without removal of dot segments: servers do that themselves.
fn relative(base: &str, reference: &str) -> String {
    let path = base.split('?').next().unwrap_or_default();
    if reference.is_empty() {
        base.to_owned()
    } else if reference.starts_with('/') {
        reference.to_owned()
    } else if reference.starts_with('?') {
        format!("{path}{reference}")
    } else {
        let directory = path.rfind('/').and_then(|at| path.get(..=at)).unwrap_or("/");
        format!("{directory}{reference}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve_from(virtual_host: Option<&str>, location: &str) -> Result<Hop, String> {
        let origin = Origin::new("10.0.0.1".parse().expect("address"), virtual_host);
        let from = Hop { tls: false, port: 8080, site: None, request: "/app/start?x=1".into() };
        resolve(&origin, &from, location)
    }

    #[test]
    fn the_same_host_is_followed_on_the_same_connection_data() {
        let plain = |request: &str| Ok(Hop { tls: false, port: 8080, site: None, request: request.into() });
        let secure = |port, request: &str| Ok(Hop { tls: true, port, site: None, request: request.into() });
        let www = Some("WWW.example.com");
        for (location, wanted) in [
            ("/login", plain("/login")),
            ("next", plain("/app/next")),
            ("?y=2", plain("/app/start?y=2")),
            ("", plain("/app/start?x=1")),
            ("a:1/b", Err("neither http nor https".to_owned())),
            ("./a:1", plain("/app/./a:1")),
            ("//www.example.com/x", plain("/x")),
            ("http://www.example.com", plain("/")),
            ("http://www.example.com:80/x#top", plain("/x")),
            ("HTTP://user@www.example.com./x", plain("/x")),
            ("http://10.0.0.1/x", plain("/x")),
            ("https://www.example.com?q", secure(443, "/?q")),
            ("https://www.example.com:8443/x", secure(8443, "/x")),
        ] {
            assert_eq!(resolve_from(www, location), wanted, "{location}");
        }
    }

    #[test]
    fn another_host_is_not() {
        for location in ["http://10.0.0.2/", "//example.com/", "https://www.example.com.evil/", "http://[::1]/"] {
            let refusal = resolve_from(Some("www.example.com"), location).expect_err(location);
            assert!(refusal.starts_with("another host"), "{location}: {refusal}");
        }
        assert!(resolve_from(None, "http://www.example.com/").is_err());
        for location in ["http:///x", "http://", "ftp://10.0.0.1/", "http:x", "http://a b/"] {
            assert!(resolve_from(None, location).is_err(), "{location}");
        }
    }

    #[test]
    fn a_proxy_is_asked_for_every_site_of_plain_http() {
        let origin = Origin::new("10.0.0.1".parse().expect("address"), None);
        let from = Hop { tls: false, port: 3128, site: Some("www.x.y".into()), request: "/a/b".into() };
        let hop =
            |site: &str, request: &str| Ok(Hop { site: Some(site.into()), request: request.into(), ..from.clone() });
        for (location, wanted) in [
            ("c", hop("www.x.y", "/a/c")),
            ("http://other:81?d", hop("other:81", "/?d")),
            ("//other/e", hop("other", "/e")),
            ("https://www.x.y/", Err("https, for which a proxy is not asked".to_owned())),
            ("http://", Err("not a URL".to_owned())),
        ] {
            assert_eq!(resolve(&origin, &from, location), wanted, "{location}");
        }
    }

    #[test]
    fn ipv6_hosts_are_compared_as_addresses() {
        let origin = Origin::new("2001:db8::1".parse().expect("address"), None);
        let from = Hop { tls: false, port: 80, site: None, request: "/".into() };
        assert!(resolve(&origin, &from, "http://[2001:DB8:0::1]:80/x").is_ok());
        assert!(resolve(&origin, &from, "http://[2001:db8::2]/x").is_err());
    }
}
