#pragma once
// Origin: which page may talk to us, and under which names are we called?
//
// Every page that a browser shows may open WebSockets to any address, this machine's included,
// and a name that its owner points at our address ("DNS rebinding") even makes it a page of our
// own. The browser says who asks: "Origin" is where the page is from, "Host" the name that was
// asked for. Programs send no Origin; what they may, no header decides.
//
// Threads: any; plain data.

#include <stdbool.h>

#define ORIGIN_HOST_MAX   253  // bytes of a name (RFC 1035)
#define ORIGIN_SCHEME_MAX 31

// "HOST", "HOST:PORT", "[v6]:PORT".
struct authority {
        char host[ORIGIN_HOST_MAX + 1];  // in small letters, without a dot at its end; an
                                         // address in its canonical form, IPv6 in brackets
        int port;                        // -1: none was given
        bool is_address;
};

// Read a Host header's value. False when it is none: no host, a user's name in front, a port
// that is no number up to 65535, letters that no name has.
bool authority_read(const char *text, struct authority *ret);

// "SCHEME://HOST[:PORT]", as browsers send it.
struct origin {
        char scheme[ORIGIN_SCHEME_MAX + 1];  // in small letters
        struct authority authority;
};

// Read an Origin header's value. False for "null", for more than one and for what has a user,
// a path or blanks.
bool origin_read(const char *text, struct origin *ret);

// What is let in besides what always is. Lent lists, blanks between their words; NULL: none.
struct origin_policy {
        const char *origins;  // of pages
        const char *hosts;    // names that we are called by
        bool has_any_host;    // we may be called anything; pages must still be at home
        bool is_encrypted;    // the request came by TLS: so must its page have
};

enum origin_verdict {
        ORIGIN_GOOD,
        ORIGIN_IS_FOREIGN,  // the page is from elsewhere
        HOST_IS_UNKNOWN,    // nobody calls us so
};

// A request with these headers (NULL: absent). A page is at home when it is from http(s) and
// its host and port are those of Host, whatever the scheme where we do not encrypt: a proxy may
// have taken the encryption off. Where we do, a page that came without is another's, whom the
// network may have written it for. Hosts are good when they are addresses (a name is needed for
// rebinding), "localhost" or listed.
enum origin_verdict origin_judge(const struct origin_policy *policy, const char *origin,
                                 const char *host);

// The host alone.
enum origin_verdict host_judge(const struct origin_policy *policy, const char *host);

// Whether the page is one of a list as a policy has it (NULL: of none). What is no origin is
// none.
bool origin_is_listed(const char *origins, const char *origin);

// This machine's names, for a policy's hosts: as it calls itself, its first part, that with
// ".local" (mDNS), and its full name. The caller frees it.
char *origin_own_hosts(void);
