#pragma once
// Alerts page: the requests that list, add, change and remove alerts (manage/rules.h). What
// changes something is answered once that is on disk.
//
// Threads: loop thread only.

#include <stdbool.h>

struct alerts;  // alert/alerts.h
struct alerts_page;
struct exchange;
struct rules;
struct state;

// Of the server whose alerts and state these are.
struct alerts_place {
        struct rules *rules;
        struct state *state;
        const struct alerts *alerts;  // how they fare
        bool is_stopping;             // nothing is changed any more
};

struct alerts_page *alerts_page_new(void);

// Nothing is changed any more, not even by a request whose body is still coming.
void alerts_page_stop(struct alerts_page *page);

// Whoever waits is forgotten. NULL is fine. Returns NULL.
struct alerts_page *alerts_page_free(struct alerts_page *page);

// Answer the exchange, by its method. `name` is the alert that it is about, where its path is
// "/api/v1/alerts/NAME"; NULL: it is about all, or a new one.
void alerts_page_answer(struct alerts_page *page, struct exchange *exchange,
                        const struct alerts_place *place, const char *name);
