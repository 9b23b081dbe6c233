#pragma once
// Allow: what sources that are not trusted may reach of what is closed to them: this machine,
// its link, multicast (media/address_judge.h). Words with blanks between, as the setting
// sources.allow has them: an address ("127.0.0.1", "::1"), a network ("127.0.0.0/8"), the name
// of a host ("go2rtc.lan"), which stands for the addresses that it has when it is looked up, or
// "any": all that a trusted source may reach. Both ends of the media process.
//
// Threads: any; no state.

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#define MEDIA_ALLOW_MAX 4096  // bytes of all the words, their zero included

// Is it one of the words above?
bool media_allow_word_is_good(const char *word);

// Are they all, at most so many bytes? "" is.
bool media_allow_is_good(const char *words);

// Is "any" among them? NULL is "".
bool media_allow_is_any(const char *words);

// Is the address, of IPv4 or IPv6, one of theirs or in one of their networks? An IPv4 address
// within an IPv6 one ("::ffff:127.0.0.1") counts as itself. Names do not count here.
bool media_allow_has_address(const char *words, const struct sockaddr *address,
                             socklen_t length);

// Is the host's name among them, whatever its case?
bool media_allow_has_name(const char *words, const char *name);
