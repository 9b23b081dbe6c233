// All texts of the page, in English: another language is another table of these. `{name}` stands
// for a value; a list has the text for one, and the text for any other number `{n}`.
const TEXTS = {
  "app.name": "eavesdrop",
  "close": "Close",
  "cancel": "Cancel",
  "save": "Save",
  "skip": "To the content",
  "error": "That did not work: {reason}",

  "nav.label": "Pages",
  "nav.wall": "Wall",
  "nav.search": "Search",
  "nav.alerts": "Alerts",
  "nav.microphone": "Microphone",
  "nav.files": "Files",
  "nav.server": "Server",
  "nav.add": "Add a stream",
  "nav.settings": "How the page looks",
  "nav.keys": "Keys",

  "connection.connecting": "Connecting",
  "connection.live": "Live",
  "connection.away": "The server cannot be reached; trying again",
  "connection.refused": "The server wants a token",

  "token.title": "This server asks for a token",
  "token.about": "Whoever runs it makes one: eavesdrop token new NAME --scope read. The server's owner finds " +
    "the token of this machine in the file “token” of its state folder.",
  "token.label": "Token",
  "token.use": "Use it",
  "token.bad": "The server does not know this token",
  "token.forget": "Forget the token",

  "load.normal": "normal",
  "load.slowed": "text comes less often",
  "load.finals_only": "final text only",
  "load.full": "full",
  "load.summary": "{level}; {speaking} of {streams} speaking",

  "keys.title": "Keys",
  "keys.search": "Search",
  "keys.wall": "Wall",
  "keys.keys": "These keys",
  "keys.next": "Next stream",
  "keys.previous": "Previous stream",
  "keys.open": "Open the stream",

  "settings.title": "How the page looks",
  "settings.theme": "Colours",
  "settings.theme.system": "As the system has them",
  "settings.theme.light": "Light",
  "settings.theme.dark": "Dark",
  "settings.size": "Size of text",
  "settings.motion": "Move as little as possible",
  "settings.confidence": "Underline words that the server is unsure of",

  "stream.state.connecting": "connecting",
  "stream.state.online": "online",
  "stream.state.stalled": "no sound arrives",
  "stream.state.offline": "offline",
  "stream.state.failed": "failed",
  "stream.state.ended": "ended",
  "stream.state.paused": "paused",
  "stream.speaking": "Somebody speaks",
  "stream.silent": "Nobody speaks",
  "stream.level": "Level of sound: {level} dBFS",
  "stream.late": "{seconds} s late",
  "stream.late.about": "Time from what was said to its text: the median of the last minute",

  "wall.title": "Wall",
  "wall.filter": "Filter by name or state",
  "wall.sort": "Sort by",
  "wall.sort.name": "name",
  "wall.sort.spoken": "last spoken",
  "wall.sort.hand": "hand",
  "wall.pin": "Pin {name}",
  "wall.unpin": "Unpin {name}",
  "wall.empty": "No stream yet. Add one, or speak into the microphone.",
  "wall.none": "No stream matches “{filter}”.",
  "wall.quiet": "Nothing was said yet",
  "wall.alerts": ["1 alert", "{n} alerts"],

  // --- one stream, its transcript, its time line, its sound ---

  // --- search, one segment, alerts ---

  // --- adding a stream ---

  // --- microphone, captions, files ---

  // --- the server ---
};

export function say(key, values = {}) {
  let text = TEXTS[key] ?? key;
  if (Array.isArray(text)) text = text[values.n === 1 ? 0 : 1];
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
