// The address of a stream: its user and password apart from the rest, and how the stream stands
// in the configuration file.

const WITH_USER = /^([a-z][a-z0-9+.-]*:\/\/)([^/?#]*)@(.*)$/i;

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a "%" that stands for itself
  }
}

// "rtsp://viewer:secret@camera/1" -> {url: "rtsp://camera/1", user: "viewer", password: "secret"}
export function splitUrl(url) {
  const match = WITH_USER.exec(url.trim());
  if (!match) return {url: url.trim(), user: "", password: ""};
  const [user, ...rest] = match[2].split(":");
  return {url: match[1] + match[3], user: decoded(user), password: decoded(rest.join(":"))};
}

// And back.
export function joinUrl({url, user, password}) {
  const match = /^([a-z][a-z0-9+.-]*:\/\/)(.*)$/i.exec(url);
  if (!match || (!user && !password)) return url;
  return `${match[1]}${encodeURIComponent(user)}${password ? ":" + encodeURIComponent(password) : ""}@${match[2]}`;
}

// A name that the server takes, from what a camera or an address is called: "Front door 2" ->
// "front-door-2".
export function nameFrom(text) {
  return text.toLowerCase().normalize("NFKD").replace(/\p{M}/gu, "").replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[-.]+|[-.]+$/g, "").slice(0, 64);
}

// Parts of paths that say what is there, not where it is.
const GENERIC = new RegExp("^(\\d*|streaming|channels?|streams?\\d*|live\\d*|media|media\\.amp|axis-media|video\\w*|" +
  "audio|main|sub|cam|realmonitor|h26\\w*|index|playlist)$", "i");
const ENDING = /\.(m3u8?|mp3|ogg|opus|aac|sdp)$/i;

// What to call the stream at an address: by the last part of its path that is a name, else by its
// host: "rtsp://192.168.1.20:554/stream1" -> "camera-20".
export function nameOfUrl(url) {
  const [host, ...path] = url.replace(/^[a-z][a-z0-9+.-]*:\/\//i, "").split(/[?#]/)[0].split("/");
  const named = path.map((part) => part.replace(ENDING, "")).filter((part) => !GENERIC.test(part)).at(-1);
  const bare = host.replace(/:\d+$/, "");
  return nameFrom(named ?? (/^[\d.]+$/.test(bare) ? `camera-${bare.split(".").at(-1)}` : bare));
}

// Plain words stand for themselves in YAML; everything else in quotes, as JSON has them.
function yamlText(text) {
  const isPlain = /^[A-Za-z][\w./-]*(?: [\w./-]+)*$/.test(text) && !/^(true|false|yes|no|on|off|null)$/i.test(text);
  return isPlain ? text : JSON.stringify(text);
}

// A dollar sign that would begin a variable of the file.
const escaped = (text) => text.replace(/\$(?=[{$])/g, "$$$$");

// The variable of the environment that the stream's password goes into.
export function passwordVariable(name) {
  return `${name.toUpperCase().replace(/[^A-Z0-9]+/g, "_").replace(/^(?=\d)/, "_")}_PASSWORD`;
}

// The lines of the configuration file that keep the stream. Its password is not among them: the
// environment has it.
export function yamlOf(name, {url, user, password}, settings) {
  const withUser = joinUrl({url: escaped(url), user: escaped(user), password: password ? "PASSWORD" : ""});
  const whole = password ? withUser.replace(":PASSWORD@", () => `:\${${passwordVariable(name)}}@`) : withUser;
  const lines = [["url", JSON.stringify(whole)]];
  for (const [key, value] of Object.entries(settings)) lines.push([key, yamlText(escaped(String(value)))]);
  return `streams:\n  ${/^[A-Za-z]/.test(name) ? yamlText(name) : JSON.stringify(name)}:\n` +
    lines.map(([key, value]) => `    ${key}: ${value}\n`).join("");
}
