#pragma once
// Route answer: from a request to the function that a table of routes has for it (route.h), or
// to the refusal: nothing is there, or not for who asks.
//
// Threads: loop thread only.

struct api;
struct exchange;
struct route;

// Answer, or have the function of the table answer, which a row without a method ends. 404
// where there is nothing at the path, 405 to a method that it does not have, 401 to whoever may
// not see it without a token, 403 to a token that may not. What a browser asks for a page whose
// scripts may read the answers (http_request.page), before it asks what the page wants, is
// answered for each path.
void route_answer(const struct route *routes, struct api *api, struct exchange *exchange);
