'use strict';
// What the scripts beside share.
//
// On stdin: one JSON object.
//   endpoint     host and port, without a scheme
//   credentials  {accessKeyId, accessKeySecret, securityToken or null}
//   calls        list of {action, version, method, path, parameters: {name: text}}
//   options      what the script takes besides
// On stdout: a line of JSON for each call, in order.
//   {body, status}                                                      where the client returned
//   {error, status, code, message, requestId, retryAfterMs}            where it threw; absent is what it doesn't show

async function readAll(stream) {
  const chunks = [];
  for await (const chunk of stream) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

// send(call) resolves to {body, status} or rejects; describe(error) tells what the client shows of an error.
exports.run = async function run(prepare, describe) {
  const input = JSON.parse(await readAll(process.stdin));
  const send = prepare(input);
  for (const call of input.calls) {
    let told;
    try {
      told = await send(call);
    } catch (error) {
      told = Object.assign({ error: error.name, message: error.message }, describe(error));
    }
    process.stdout.write(JSON.stringify(told) + '\n');
  }
  process.exit(0); // the clients keep connections open
};
