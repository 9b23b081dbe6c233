#pragma once
// Discoveries: the requests for the cameras in the network, each until it is answered. A client
// that goes away ends its own.
//
// Threads: loop thread only.

struct discoveries;
struct exchange;
struct loop;

// At a time; the next is told to come again.
#define DISCOVERIES_MAX 2

struct discoveries *discoveries_new(struct loop *loop);

// NULL is fine. Returns NULL.
struct discoveries *discoveries_free(struct discoveries *discoveries);

// Answer a request, whose query may say for how many seconds answers are waited for.
void discoveries_answer(struct discoveries *discoveries, struct exchange *exchange);
