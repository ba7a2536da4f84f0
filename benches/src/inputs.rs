//! Shared benchmark inputs. Everything is deterministic.

/// (a) wrk / TechEmpower minimal request.
pub const A: &[u8] = b"GET /plaintext HTTP/1.1\r\nHost: server\r\nAccept: text/plain\r\n\r\n";

/// (b) picohttpparser bench.c request.
pub const B: &[u8] = b"GET /wp-content/uploads/2010/03/hello-kitty-darth-vader-pink.jpg HTTP/1.1\r\n\
Host: www.kittyhell.com\r\n\
User-Agent: Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10.6; ja-JP-mac; rv:1.9.2.3) Gecko/20100401 Firefox/3.6.3 Pathtraq/0.9\r\n\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
Accept-Language: ja,en-us;q=0.7,en;q=0.3\r\n\
Accept-Encoding: gzip,deflate\r\n\
Accept-Charset: Shift_JIS,utf-8;q=0.7,*;q=0.7\r\n\
Keep-Alive: 115\r\n\
Connection: keep-alive\r\n\
Cookie: wp_ozh_wsa_visits=2; wp_ozh_wsa_visit_lasttime=xxxxxxxxxx; __utma=xxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.x; __utmz=xxxxxxxxx.xxxxxxxxxx.x.x.utmccn=(referral)|utmcsr=reader.livedoor.com|utmcct=/reader/|utmcmd=referral\r\n\
\r\n";

/// (c) a modern Chrome navigation request, 18 headers.
pub const C: &[u8] = b"GET /products/search?q=mechanical+keyboard&page=2&sort=price_asc HTTP/1.1\r\n\
Host: www.example.com\r\n\
Connection: keep-alive\r\n\
Cache-Control: max-age=0\r\n\
sec-ch-ua: \"Chromium\";v=\"128\", \"Not;A=Brand\";v=\"24\", \"Google Chrome\";v=\"128\"\r\n\
sec-ch-ua-mobile: ?0\r\n\
sec-ch-ua-platform: \"Linux\"\r\n\
Upgrade-Insecure-Requests: 1\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36\r\n\
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7\r\n\
Sec-Fetch-Site: same-origin\r\n\
Sec-Fetch-Mode: navigate\r\n\
Sec-Fetch-User: ?1\r\n\
Sec-Fetch-Dest: document\r\n\
Referer: https://www.example.com/products\r\n\
Accept-Encoding: gzip, deflate, br, zstd\r\n\
Accept-Language: en-US,en;q=0.9,de;q=0.8\r\n\
Cookie: session_id=8f14e45fceea167a5a36dedd4bea2543; csrftoken=Zk3vXw9QmT2bL7pN; _ga=GA1.2.1234567890.1724000000\r\n\
If-None-Match: W/\"5f3c-18f2a9b7c40\"\r\n\
\r\n";

/// (d) API POST with a 64-byte JSON body.
pub const D: &[u8] = b"POST /api/v1/items HTTP/1.1\r\n\
Host: api.example.com\r\n\
User-Agent: okhttp/4.12.0\r\n\
Accept: application/json\r\n\
Content-Type: application/json; charset=utf-8\r\n\
Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.2k3b1h4c5d6e7f8g9h0iAbCd\r\n\
Accept-Encoding: gzip\r\n\
Connection: Keep-Alive\r\n\
Content-Length: 64\r\n\
\r\n\
{\"id\":123456,\"name\":\"widget\",\"qty\":42,\"tags\":[\"a\",\"b\",\"c\",\"de\"]}";

/// (e1) nginx static 200.
pub const E1: &[u8] = b"HTTP/1.1 200 OK\r\n\
Server: nginx/1.22.1\r\n\
Date: Sat, 22 Nov 2025 22:10:00 GMT\r\n\
Content-Type: text/html\r\n\
Content-Length: 13\r\n\
Last-Modified: Tue, 04 Jun 2024 10:11:12 GMT\r\n\
Connection: keep-alive\r\n\
ETag: \"665ee8a0-d\"\r\n\
Accept-Ranges: bytes\r\n\
\r\n\
Hello, World!";

/// (e2) CDN response, 25 headers.
pub const E2: &[u8] = b"HTTP/1.1 200 OK\r\n\
Date: Sat, 22 Nov 2025 22:10:00 GMT\r\n\
Content-Type: application/javascript; charset=utf-8\r\n\
Content-Length: 13\r\n\
Connection: keep-alive\r\n\
Cache-Control: public, max-age=31536000, s-maxage=31536000, immutable\r\n\
ETag: W/\"4f1a-PqzQbsUOyCmz4kC5XJ2dF1fQz6o\"\r\n\
Last-Modified: Tue, 04 Jun 2024 10:11:12 GMT\r\n\
Vary: Accept-Encoding, Origin\r\n\
Access-Control-Allow-Origin: *\r\n\
Access-Control-Expose-Headers: ETag, Content-Length, X-Request-Id\r\n\
Strict-Transport-Security: max-age=63072000; includeSubDomains; preload\r\n\
X-Content-Type-Options: nosniff\r\n\
X-Frame-Options: SAMEORIGIN\r\n\
X-XSS-Protection: 1; mode=block\r\n\
Content-Security-Policy: default-src 'self'; script-src 'self' 'unsafe-inline' https://cdn.example.com; img-src * data:; object-src 'none'\r\n\
Referrer-Policy: strict-origin-when-cross-origin\r\n\
Timing-Allow-Origin: *\r\n\
Cross-Origin-Resource-Policy: cross-origin\r\n\
CF-Cache-Status: HIT\r\n\
Age: 86211\r\n\
Report-To: {\"endpoints\":[{\"url\":\"https://a.nel.example.com/report/v4?s=abcdefghijklmnop\"}],\"group\":\"cf-nel\",\"max_age\":604800}\r\n\
NEL: {\"success_fraction\":0.01,\"report_to\":\"cf-nel\",\"max_age\":604800}\r\n\
Server: cloudflare\r\n\
CF-RAY: 8a1b2c3d4e5f6071-FRA\r\n\
Alt-Svc: h3=\":443\"; ma=86400\r\n\
\r\n\
Hello, World!";

/// (g) n pipelined copies of (a).
pub fn pipelined(n: usize) -> Vec<u8> {
    A.repeat(n)
}

/// How long the content of the upload inputs is.
pub const BODY_LEN: usize = 1 << 20;

/// (f) body only: 1 MiB in chunks of `chunk` bytes, with the last chunk and no trailers.
pub fn chunked_body(chunk: usize) -> Vec<u8> {
    let mut v = Vec::new();
    let mut left = BODY_LEN;
    let mut i = 0u32;
    while left > 0 {
        let n = left.min(chunk);
        v.extend_from_slice(format!("{n:x}\r\n").as_bytes());
        for _ in 0..n {
            // pseudo-random printable+binary payload, including CR and LF bytes now and then
            i = i.wrapping_mul(1664525).wrapping_add(1013904223);
            v.push((i >> 24) as u8);
        }
        v.extend_from_slice(b"\r\n");
        left -= n;
    }
    v.extend_from_slice(b"0\r\n\r\n");
    v
}

/// (f) as a complete request.
pub fn chunked_request(chunk: usize) -> Vec<u8> {
    let mut v = b"POST /upload HTTP/1.1\r\nHost: server\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    v.extend_from_slice(&chunked_body(chunk));
    v
}

/// 1 MiB body by Content-Length as a complete request.
pub fn cl_request() -> Vec<u8> {
    let mut v =
        format!("POST /upload HTTP/1.1\r\nHost: server\r\nContent-Length: {BODY_LEN}\r\n\r\n").into_bytes();
    let body = chunked_body(BODY_LEN);
    let start = body.windows(2).position(|w| w == b"\r\n").unwrap() + 2;
    v.extend_from_slice(&body[start..start + BODY_LEN]);
    v
}

/// The content of every answer.
pub const RESP_BODY: &[u8] = b"Hello, World!";

/// (m) `n` different, deterministic, mixed requests (browser, API client, bot styles), pipelined: defeats the
/// branch predictor's memory of one input.
pub fn mixed(n: usize) -> Vec<u8> {
    let mut st = 0x9e37_79b9_7f4a_7c15u64;
    let mut rnd = move |m: usize| {
        st ^= st << 13;
        st ^= st >> 7;
        st ^= st << 17;
        (st >> 11) as usize % m
    };
    const NAMES: &[(&str, usize, usize)] = &[
        ("User-Agent", 12, 125),
        ("Accept", 3, 140),
        ("Accept-Encoding", 4, 23),
        ("Accept-Language", 2, 35),
        ("Cookie", 16, 260),
        ("Referer", 18, 70),
        ("Cache-Control", 8, 10),
        ("Pragma", 8, 8),
        ("sec-ch-ua", 40, 70),
        ("sec-ch-ua-mobile", 2, 2),
        ("sec-ch-ua-platform", 7, 9),
        ("Sec-Fetch-Site", 4, 12),
        ("Sec-Fetch-Mode", 4, 8),
        ("Sec-Fetch-User", 2, 2),
        ("Sec-Fetch-Dest", 5, 9),
        ("Upgrade-Insecure-Requests", 1, 1),
        ("If-None-Match", 8, 40),
        ("If-Modified-Since", 29, 29),
        ("X-Requested-With", 14, 14),
        ("X-Forwarded-For", 7, 40),
        ("X-Request-Id", 36, 36),
        ("Authorization", 20, 180),
        ("Origin", 12, 40),
        ("DNT", 1, 1),
        ("Priority", 3, 6),
        ("traceparent", 55, 55),
        ("Content-Type", 9, 33),
        ("X-Real-IP", 7, 15),
        ("Via", 8, 24),
        ("From", 8, 24),
    ];
    const ALPHA: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ,;=/.-_()\"*";
    let mut v = Vec::new();
    for _ in 0..n {
        v.extend_from_slice(if rnd(10) < 9 { &b"GET /"[..] } else { &b"OPTIONS /"[..] });
        for _ in 0..rnd(70) {
            v.push(b"abcdefghijklmnopqrstuvwxyz0123456789/-_?=&%"[rnd(43)]);
        }
        v.extend_from_slice(b" HTTP/1.1\r\nHost: www.example");
        for _ in 0..rnd(12) {
            v.push(b'a' + rnd(26) as u8);
        }
        v.extend_from_slice(b".com\r\n");
        if rnd(2) == 0 {
            v.extend_from_slice(b"Connection: keep-alive\r\n");
        }
        let k = 1 + rnd(18);
        let mut at = rnd(NAMES.len());
        for _ in 0..k {
            let (name, lo, hi) = NAMES[at % NAMES.len()];
            at += 1 + rnd(2);
            v.extend_from_slice(name.as_bytes());
            v.extend_from_slice(b": x");
            for _ in 1..lo + rnd(hi - lo + 1) {
                v.push(ALPHA[rnd(ALPHA.len())]);
            }
            if *v.last().unwrap() == b' ' {
                *v.last_mut().unwrap() = b'z';
            }
            v.extend_from_slice(b"\r\n");
        }
        v.extend_from_slice(b"\r\n");
    }
    v
}
/// How many requests the input `mixed` holds.
pub const MIXED_N: usize = 256;
