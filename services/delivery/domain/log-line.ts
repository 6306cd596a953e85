// The documented line that stands for a mail where no SMTP server is configured.

function two(part: number): string {
  return String(part).padStart(2, '0');
}

/** Local time, as the documented platform prints it: `2025-11-02 10:32:14`. */
function localTime(at: Date): string {
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-');
  return `${day} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')}`;
}

/** `[2025-11-02 10:32:14] Sending congratulation email to user 42: "Your score increased by 15 points!"` */
export function sendingLine(at: Date, kind: string, recipient: string, message: string): string {
  return `[${localTime(at)}] Sending ${kind} email to ${recipient}: "${message}"`;
}
