#pragma once
// Sessions: who is connected, and sending somebody away.
//
// Threads: loop thread only.

struct exchange;
struct hub;

// GET /api/v1/sessions: the longest connected first.
void sessions_answer(struct exchange *exchange, const struct hub *hub);

// DELETE /api/v1/sessions/{id}: the client is told why, and its connection closed.
void sessions_dismiss(struct exchange *exchange, const struct hub *hub, const char *id);
