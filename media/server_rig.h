#pragma once
// Server rig: far ends on loopback for children: a web server that misbehaves as asked, and an
// RTSP camera whose clock does as asked. Each is a process of its own. Only in tests.
//
// Threads: main thread.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct rig_server {
        pid_t pid;
        int port;
};

// Answers GET by the path:
//   /NAME        a file of the rig's folder (with its length)
//   /radio/NAME  the same without a length, with titles in it (ICY): "first", then "second"
//   /cut/NAME    half of the bytes that were promised
//   /to/URL      a redirection there
//   /code/N      that status
struct rig_server rig_server_web(void);

// What a camera says on one of its tracks: `seconds` of a kind of sound whose time stamps begin
// `at` seconds after the first.
enum rig_sound { RIG_SILENCE, RIG_SINE, RIG_BURSTS };

struct rig_scene {
        unsigned track;
        enum rig_sound sound;
        double at, seconds;
};

// A camera with so many tracks (G.711, 8 kHz) that says this to whoever comes, ten times as
// fast as it would be said, and then hangs up. With `status` not 0 it answers DESCRIBE with
// that.
struct rig_server rig_server_camera(unsigned n_tracks, const struct rig_scene *scenes,
                                    size_t n_scenes, int status);

void rig_server_close(struct rig_server *server);

// A port on which nobody listens.
int rig_server_free_port(void);
