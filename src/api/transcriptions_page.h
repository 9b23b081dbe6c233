#pragma once
// Transcriptions page: files that programs bring to be made text, as the API shows them. Each
// is seen by the principal that brought it, and by who may manage.
//
// Threads: loop thread only.

struct exchange;
struct hub;
struct transcriptions;

// Answer a request: POST brings one (posting.h); GET of no id lists all own ones, the latest
// first, and of who may manage all there are; GET of an id shows that one, DELETE cancels it,
// or forgets what came of it.
void transcriptions_page_answer(struct exchange *exchange, struct hub *hub,
                                struct transcriptions *transcriptions, const char *id);
