#pragma once
// Delivery: a body that is posted to an address, over and over, with what was answered. libcurl
// on the loop: nothing waits, names are looked up on threads of its own.
//
// Threads: loop thread.
// Memory:  owns its connections; bodies are lent.

#include <stddef.h>

#include "sink/sink.h"
#include "util/cleanup.h"
#include "util/error.h"
#include "util/loop.h"

#define DELIVERY_CONNECT_TIMEOUT 10                     // seconds
#define DELIVERY_TIMEOUT         (30 * NSEC_PER_SEC)    // for all of it
#define DELIVERY_ANSWER_MAX      ((size_t)1024 * 1024)  // bytes of an answer that are looked at

struct delivery;

struct delivery_answer {
        int status;         // of HTTP; 0: there was no answer
        nsec_t retry;       // when to come again (Retry-After); 0: not said
        char trouble[256];  // why there was no answer, without secrets
};

// To the configuration's `url`, http or https, with user and password if there are any; its
// `authority` is a file of certificates that are trusted beside the system's (NULL: none). Both
// are lent. -EINVAL with words where they are of no use.
int delivery_new(struct delivery **ret, struct loop *loop, const struct sink_config *config,
                 void (*on_answer)(void *context, const struct delivery_answer *answer),
                 void *context, struct error *error);

// At once; on_answer is not called any more. NULL is fine. Returns NULL.
struct delivery *delivery_free(struct delivery *delivery);

// Post the body, which is lent until on_answer() is called, once, later. No other is under way.
// `headers` ("Name: value", NULL at the end) are copied.
void delivery_post(struct delivery *delivery, const char *const *headers, const char *body,
                   size_t n);

// Whether the address can be posted to: 0, or -EINVAL with words.
int delivery_check(const char *url, struct error *error);

DEFINE_CLEANUP(struct delivery *, delivery_free);
