// A small app behind the gate. The proxy has asked Sana before a request comes here, and says in
// headers who the user is.
import { createServer } from 'node:http'

const port = Number(process.env.PORT ?? 8080)

createServer((request, response) => {
  const {
    'remote-id': id,
    'remote-email': email,
    'remote-name': name,
    'remote-groups': groups = '',
  } = request.headers
  if (!id) {
    // A request without the headers did not come through the proxy.
    response
      .writeHead(403, { 'Content-Type': 'text/plain' })
      .end('Only the proxy may ask this app.\n')
    return
  }
  const who = { id, email, name, groups: String(groups).split(',') }
  // The answer is for one user: no cache may keep it for another.
  response
    .writeHead(200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
    .end(JSON.stringify(who))
}).listen(port, '127.0.0.1')
