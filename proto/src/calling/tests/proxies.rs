//! Which proxy a host goes through, and what cannot be understood.

use crate::calling::*;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::string::ToString;

fn vars(set: &'static [(&str, &str)]) -> Proxies {
    Proxies::from_variables(|name| set.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
}

fn through<'p>(proxies: &'p Proxies, https: bool, host: &str) -> Result<Option<&'p Proxy>, ProxyError> {
    let url = Url { https, host, ..Url::default() };
    Ok(match proxies.route(&url, false)? {
        Route::Forward(proxy) | Route::Tunnel(proxy) | Route::Socks(proxy) => Some(proxy),
        Route::Direct | Route::Unix(_) => None,
    })
}

fn name(proxies: &Proxies, https: bool, host: &str) -> Option<String> {
    through(proxies, https, host).unwrap().map(ToString::to_string)
}

fn one() -> Proxies {
    Proxies::all(Proxy::parse("a:1").unwrap())
}

#[test]
fn each_scheme_has_its_variable_and_lower_case_wins() {
    let proxies = vars(&[("HTTP_PROXY", "a:1"), ("http_proxy", "http://b:2"), ("HTTPS_PROXY", "c")]);
    assert_eq!(name(&proxies, false, "x.org").as_deref(), Some("http://b:2"));
    assert_eq!(name(&proxies, true, "x.org").as_deref(), Some("http://c:80"));
    let proxies = vars(&[("all_proxy", "socks5://a"), ("https_proxy", "")]);
    assert_eq!(name(&proxies, true, "x.org").as_deref(), Some("socks5://a:1080"));
}

#[test]
fn a_cgi_program_is_not_told_its_proxy_by_a_request() {
    let proxies = vars(&[("HTTP_PROXY", "evil:1"), ("REQUEST_METHOD", "GET")]);
    assert_eq!(name(&proxies, false, "x.org"), None);
}

#[test]
fn the_local_host_needs_no_proxy_from_the_environment_however_it_is_written() {
    let proxies = vars(&[("http_proxy", "a:1")]);
    for host in
        ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.1", "::1", "::1%lo", "::ffff:127.0.0.1"]
    {
        assert_eq!(name(&proxies, false, host), None, "{host}");
    }
    assert!(name(&one(), false, "localhost").is_some());
}

#[test]
fn exempt_hosts_are_names_with_all_below_them_addresses_networks_and_ports() {
    let proxies = one()
        .except("x.org, .y.org.,*.z.org 10.0.0.0/8,192.0.2.7,[2001:db8::]/32,fe80::/10,w.org:80,1.2.3.4:81")
        .unwrap()
        .except("::ffff:11.0.0.0/104,[2001:db9::1]:80,0x0c.0.0.1")
        .unwrap();
    for host in [
        "x.org",
        "a.x.org",
        "y.org",
        "a.Y.org",
        "z.org",
        "10.9.8.7",
        "::ffff:10.0.0.1",
        "10.1",
        "192.0.2.7",
        "2001:db8::9",
        "w.org",
        "a.x.org.",
        "fe80::1%eth0",
        "11.2.3.4",
        "2001:db9::1",
        "12.0.0.1",
    ] {
        assert_eq!(name(&proxies, false, host), None, "{host}");
    }
    for host in ["ax.org", "x.org.uk", "13.0.0.1", "192.0.2.8", "2001:db9::2", "1.2.3.4", "org"] {
        assert!(name(&proxies, false, host).is_some(), "{host}");
    }
    assert!(name(&proxies, true, "w.org").is_some(), "another port");
    assert_eq!(name(&one().except("*").unwrap(), true, "x.org"), None);
}

#[test]
fn what_cannot_be_understood_is_an_error_of_the_requests_it_is_for() {
    let proxies = vars(&[("http_proxy", "ftp://user:secret@h"), ("https_proxy", "a:1")]);
    let error = through(&proxies, false, "x.org").unwrap_err();
    assert_eq!(proxies.check(), Err(error));
    let text = error.to_string();
    assert!(text.contains("http_proxy") && !text.contains("secret"), "{text}");
    assert_eq!(name(&proxies, true, "x.org").as_deref(), Some("http://a:1"));
    assert_eq!(name(&proxies, false, "localhost"), None);

    let proxies = vars(&[("http_proxy", "a:1"), ("NO_PROXY", "x.org,10.0.0.0/33")]);
    assert!(through(&proxies, false, "y.org").unwrap_err().to_string().contains("NO_PROXY"));
    assert_eq!(name(&proxies, true, "y.org"), None, "nothing to be exempt from");

    for bad in
        ["", "http://", ":80", "a:0", "a:x", "a:65536", "a/b", "socks4://a", "[::1", "a b", "h%41", "u@"]
    {
        assert!(Proxy::parse(bad).is_err(), "{bad}");
    }
    for bad in ["10.0.0.0/33", "::/129", "::ffff:1.2.3.4/95", "x/8", "a:b", "[::1]:x", "*:80", ".", "u@h"] {
        assert!(one().except(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_proxy_may_have_a_user_whom_nothing_shows() {
    let proxy = Proxy::parse("https://u:p%40@[::1]:3128/").unwrap();
    assert_eq!((proxy.scheme(), proxy.host(), proxy.port()), (ProxyScheme::Https, "::1", 3128));
    let credentials = proxy.credentials().unwrap();
    assert_eq!((credentials.user(), credentials.password()), ("u", "p@"));
    assert!(!format!("{proxy:?} {proxy}").contains("p@"), "a password is not for logs");
    assert_eq!(Proxy::parse("http://u:a@b@h").unwrap().credentials().unwrap().password(), "a@b");
}

#[test]
fn https_goes_through_a_tunnel_and_http_only_where_that_is_asked_for() {
    let proxies = one();
    let route = |https, tunnel| proxies.route(&Url { https, host: "h", ..Url::default() }, tunnel).unwrap();
    assert!(matches!(route(false, false), Route::Forward(_)));
    assert!(matches!(route(false, true), Route::Tunnel(_)));
    assert!(matches!(route(true, false), Route::Tunnel(_)));
}
