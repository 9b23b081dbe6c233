#pragma once
// Web: the page's files, which are embedded in the program (web/). They are the same for
// everybody, and hold nothing of what is heard: that the page asks for by the API, as whoever
// its reader is.
//
// Threads: loop thread only.

struct exchange;
struct web;

struct web *web_new(void);

// NULL is fine. Returns NULL.
struct web *web_free(struct web *web);

// The page itself, whatever its path: its script sees what is wanted.
void web_answer_page(struct web *web, struct exchange *exchange);

// One of its files, by its name; 404 where there is none.
void web_answer_file(struct web *web, struct exchange *exchange, const char *name);
