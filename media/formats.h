#pragma once
// Formats: what each kind of source may open, and take its bytes for.
//
// Threads: any; no state.

// Containers of sound, with and without pictures, as libavformat's demuxers are called. None of
// them names other files: no playlists, no scripts. Also none that plays music from a program
// (tracker modules, game sounds), and none that is for pictures and subtitles alone.
#define MEDIA_FORMATS_CONTAINERS                                                      \
        "aac,ac3,aiff,alaw,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,dss,dts,dv,eac3,"   \
        "flac,flv,g722,g723_1,g726,g729,gsm,gxf,loas,matroska,mov,mp3,mpc,mpc8,mpeg," \
        "mpegts,mulaw,mxf,nistsphere,nut,ogg,oma,qcp,rm,shn,sln,sox,tak,truehd,tta,"  \
        "voc,w64,wav,wtv,wv,xwma"

// No protocol at all: what is handed over as a descriptor opens nothing by itself.
#define MEDIA_FORMATS_NO_PROTOCOL "none"

// Of an address's scheme.
struct media_formats_scheme {
        const char *name;       // "rtsp"
        const char *protocols;  // so that a hostile playlist or redirect leads nowhere else
        const char *formats;    // only what such a source really sends
        const char *options;    // of the demuxer and its protocol: "name=value:name=value"
};

// NULL: unknown.
const struct media_formats_scheme *media_formats_scheme(const char *url);
