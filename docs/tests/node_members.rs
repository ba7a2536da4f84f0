//! `docs/from-node-http.md` has a row for every member of Node 12's `http`.

/// The members by the section of the page that has them.
const MEMBERS: &[(&str, &str)] = &[
    (
        "`http`",
        "http.METHODS http.STATUS_CODES http.createServer() http.get() http.globalAgent http.maxHeaderSize http.request()",
    ),
    (
        "`http.Agent`",
        "agent.createConnection() agent.keepSocketAlive() agent.reuseSocket() agent.destroy() agent.freeSockets \
         agent.getName() agent.maxFreeSockets agent.maxSockets agent.maxTotalSockets agent.requests agent.sockets",
    ),
    (
        "`http.ClientRequest`",
        "'abort' 'connect' 'continue' 'information' 'response' 'socket' 'timeout' 'upgrade' request.abort() \
         request.aborted request.connection request.end() request.finished request.flushHeaders() request.getHeader() \
         request.maxHeadersCount request.path request.method request.host request.protocol request.removeHeader() \
         request.reusedSocket request.setHeader() request.setNoDelay() request.setSocketKeepAlive() \
         request.setTimeout() request.socket request.writableEnded request.writableFinished request.write()",
    ),
    (
        "`http.Server`",
        "'checkContinue' 'checkExpectation' 'clientError' 'close' 'connect' 'connection' 'request' 'upgrade' \
         server.close() server.headersTimeout server.listen() server.listening server.maxHeadersCount \
         server.setTimeout() server.timeout server.keepAliveTimeout",
    ),
    (
        "`http.ServerResponse`",
        "'close' 'finish' response.addTrailers() response.connection response.cork() response.end() response.finished \
         response.flushHeaders() response.getHeader() response.getHeaderNames() response.getHeaders() \
         response.hasHeader() response.headersSent response.removeHeader() response.sendDate response.setHeader() \
         response.setTimeout() response.socket response.statusCode response.statusMessage response.uncork() \
         response.writableEnded response.writableFinished response.write() response.writeContinue() \
         response.writeHead() response.writeProcessing()",
    ),
    (
        "`http.IncomingMessage`",
        "'aborted' 'close' message.aborted message.complete message.destroy() message.headers message.httpVersion \
         message.method message.rawHeaders message.rawTrailers message.setTimeout() message.socket message.statusCode \
         message.statusMessage message.trailers message.url",
    ),
];

#[test]
fn every_member_of_the_reference_has_a_row() {
    let page = include_str!("../from-node-http.md");
    for (heading, members) in MEMBERS {
        let section = page
            .split("\n## ")
            .find(|s| s.lines().next().is_some_and(|l| l.split(':').next() == Some(heading)))
            .unwrap_or_else(|| panic!("no section {heading}"));
        let rows: Vec<&str> = section.lines().filter(|l| l.starts_with("| ")).collect();
        for member in members.split_whitespace() {
            let named = rows.iter().any(|row| {
                let first = row.split(" | ").next().unwrap_or_default();
                first.contains(&format!("`{member}`"))
            });
            assert!(named, "{heading} has no row for {member}");
        }
    }
}
