#pragma once
// Problem: an answer that says what was wrong with a request, as application/problem+json
// (RFC 9457).
//
// Threads: loop thread only.

struct exchange;

struct problem {
        int status;           // 400
        const char *field;    // of the request, such as "from"; NULL or "": it is about none
        const char *detail;   // what was wrong and what to do, for people
        const char *headers;  // more of them, each with its "\r\n"; NULL: none
};

// Answer with it: {"title", "status", "detail", "field"}. A 503 says when to come back: after
// ten seconds, where `headers` have no Retry-After.
void problem_reply(struct exchange *exchange, const struct problem *problem);

// Answer with one that has no headers of its own.
void problem_refuse(struct exchange *exchange, int status, const char *field,
                    const char *detail);
