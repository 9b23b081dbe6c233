#pragma once
// Local socket: a listening unix socket in the file system, by which this machine's processes
// reach us. It never takes the place of one that somebody answers on.
//
// Threads: any one at a time.

#include "util/cleanup.h"
#include "util/error.h"

struct local_socket;

// Make the file, mode 0660 whatever the umask, and listen. A socket that is there and that
// nobody answers on, since its process was killed, makes room. If a group of that name exists
// (NULL: none) the file is the group's, as far as this process may give it away.
//
// -EADDRINUSE: another process answers there. -EEXIST: there is something else.
// -ENAMETOOLONG: a path of a socket has 107 bytes at most.
int local_socket_open(struct local_socket **ret, const char *path, const char *group,
                      struct error *error);

// The socket (non-blocking, close-on-exec); stays ours.
int local_socket_fd(const struct local_socket *local);

// The group's number, by which members are told (local_peer.h); -1: there is none.
int local_socket_group(const struct local_socket *local);

// Close it, and remove the file if it is still this one. NULL is fine. Returns NULL.
struct local_socket *local_socket_close(struct local_socket *local);

// Whether somebody answers at the path: 0. -ENOENT: there is nothing; -ECONNREFUSED: nobody
// does; -EACCES: not to us.
int local_socket_ask(const char *path);

DEFINE_CLEANUP(struct local_socket *, local_socket_close);
