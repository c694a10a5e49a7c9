//! A whole URL in `request`. Pure.

use std::net::SocketAddr;

use hyper::http::uri::Authority;

/// A URL without its scheme, which is that of the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// Host and, where it is written, port.
    pub authority: String,
    host: String,
    port: Option<u16>,
    /// Path and query.
    pub request: String,
}

impl Url {
    /// The URL that a request is. `None`: it is a path, which may hold a URL in its query. ldirectord puts a slash before
    /// it, and so do people.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn parse(request: &str, scheme: &str) -> Result<Option<Self>, String> {
        let text = request.strip_prefix('/').unwrap_or(request);
        let parts = text.split_once("://").filter(|(scheme, _)| ["http", "https"].contains(scheme));
        let Some((written, rest)) = parts else { return Ok(None) };
        if written != scheme {
            return Err(format!("expected {scheme}:// for this service"));
        }
        Self::split(rest).map(Some).ok_or_else(|| "expected a URL such as http://www.example.com/path".into())
    }

    /// What follows `//` of a URL.
    pub fn split(rest: &str) -> Option<Self> {
        let (authority, request) = match rest.find(['/', '?', '#']) {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let authority: Authority = authority.parse().ok()?;
        let (host, port) = (authority.host().to_owned(), authority.port_u16());
        let request = if request.starts_with('/') { request.to_owned() } else { format!("/{request}") };
        // Without the name of a user before it, which no server is told in the Host header.
        let authority = port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        Some(Self { authority, host, port, request }).filter(|url| !url.host.is_empty())
    }

    /// Where to ask: always at the real server. Its port counts where the URL names this server by address; beside
    /// another name it is the port that clients see, of the virtual service.
    pub fn target(&self, real_server: SocketAddr, usual_port: u16) -> SocketAddr {
        let port = if self.names(real_server) { self.port.unwrap_or(usual_port) } else { real_server.port() };
        SocketAddr::new(real_server.ip(), port)
    }

    /// The name of the site: nothing where the URL names the real server by address.
    pub fn virtual_host(&self, real_server: SocketAddr) -> Option<&str> {
        Some(self.authority.as_str()).filter(|_| !self.names(real_server))
    }

    fn names(&self, real_server: SocketAddr) -> bool {
        self.host.trim_start_matches('[').trim_end_matches(']').parse() == Ok(real_server.ip())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_its_parts_and_a_path_is_none() {
        let parts = |request: &str| {
            Url::parse(request, "http").map(|url| url.map(|url| (url.authority, url.port, url.request)))
        };
        let of = |authority: &str, port, request: &str| Ok(Some((authority.to_owned(), port, request.to_owned())));
        let not_a_url = || Err("expected a URL such as http://www.example.com/path".to_owned());
        for (request, wanted) in [
            ("http://www.x.y/a?b=http://c/", of("www.x.y", None, "/a?b=http://c/")),
            ("/http://www.x.y:8080/a", of("www.x.y:8080", Some(8080), "/a")),
            ("http://www.x.y", of("www.x.y", None, "/")),
            ("http://www.x.y?q", of("www.x.y", None, "/?q")),
            ("http://user@[2001:db8::1]:80/", of("[2001:db8::1]:80", Some(80), "/")),
            ("/a?b=http://c/", Ok(None)),
            ("index.html", Ok(None)),
            ("//www.x.y/", Ok(None)),
            ("http://", not_a_url()),
            ("http:///a", not_a_url()),
            ("http://a b/", not_a_url()),
            ("https://www.x.y/", Err("expected http:// for this service".into())),
        ] {
            assert_eq!(parts(request), wanted, "{request}");
        }
    }

    #[test]
    fn the_real_server_is_asked_whoever_is_named() {
        for (url, target, port, virtual_host) in [
            ("www.x.y/", "10.0.0.1:8080", 8080, Some("www.x.y")),
            ("www.x.y:99/", "10.0.0.1:8080", 8080, Some("www.x.y:99")),
            ("10.0.0.2/", "10.0.0.1:8080", 8080, Some("10.0.0.2")),
            ("10.0.0.1/", "10.0.0.1:8080", 80, None),
            ("10.0.0.1:99/", "10.0.0.1:8080", 99, None),
            ("[2001:DB8::1]:99/", "[2001:db8::1]:80", 99, None),
        ] {
            let target: SocketAddr = target.parse().expect("target");
            let url = Url::split(url).expect(url);
            assert_eq!(url.target(target, 80), SocketAddr::new(target.ip(), port), "{url:?}");
            assert_eq!(url.virtual_host(target), virtual_host, "{url:?}");
        }
    }
}
