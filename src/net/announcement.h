#pragma once
// Announcement: a service of ours, made known in the local network (mDNS, DNS-SD) by this
// machine's Avahi daemon. Where none runs nothing is announced, and nothing is wrong; when one
// comes, or comes back, it is told.
//
// Threads: the functions main thread; asking the daemon is a thread's of its own, since it may
//          take as long as the daemon likes.

struct announcement;

// What a service is announced as: "NAME on HOST", or as much of it as fits. The caller frees
// it.
char *announcement_name(const char *name, const char *host);

// Announce a service by that name, on this machine, of that type ("_wyoming._tcp") at that
// port, or under the next name where another machine has that one. NULL: no thread could be
// had, which is logged.
struct announcement *announcement_new(const char *name, const char *type, int port);

// Take it back. May wait for the daemon's answer to what was asked last. NULL is fine. Returns
// NULL.
struct announcement *announcement_free(struct announcement *announcement);
