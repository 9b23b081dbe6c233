#pragma once
// Me: who is asking, as the server sees it. The page shows what its reader may do.
//
// Threads: loop thread only.

struct exchange;

// {"name", "scopes": ["read", ...], "streams": [...] or null for all, "is_known", "version",
// "authority"}: is_known is false for somebody without a token. `authority`: the path of the
// certificate that phones fetch to trust the server; NULL: there is none.
void me_answer(struct exchange *exchange, const char *authority);
