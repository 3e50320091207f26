// Drives a vMix by npm node-vmix and prints what it heard, one JSON object a line: {"heard": kind, "data": text}.
// usage: node vmix_node_client.js FOLDER_WITH_NODE_MODULES HOST PORT
'use strict'
const path = require('path')
const [folder, host, port] = process.argv.slice(2)
const { ConnectionTCP } = require(path.join(folder, 'node_modules', 'node-vmix'))

const connection = new ConnectionTCP(host, { port: Number(port), autoReconnect: false })
const waiting = []
const heard = (kind, data) => {
    console.log(JSON.stringify({ heard: kind, data: String(data) }))
    const index = waiting.findIndex((item) => item.kind === kind && item.accept(String(data)))
    if (index >= 0) waiting.splice(index, 1)[0].resolve(String(data))
}
const next = (kind, accept = () => true) => new Promise((resolve) => waiting.push({ kind, accept, resolve }))
for (const kind of ['data', 'tally', 'activators', 'version', 'xml']) connection.on(kind, (data) => heard(kind, data))
connection.on('error', (error) => { console.error(error); process.exit(3) })

async function ask(command, kind, accept) {
    const answer = next(kind, accept)
    connection.send(command)
    return answer
}

async function main() {
    await next('version')
    await ask('SUBSCRIBE TALLY', 'tally')
    await ask({ Function: 'Cut', Input: 'Intro' }, 'tally', (text) => text.startsWith('201'))
    await ask({ Function: 'SetText', Input: 3 + 1, SelectedName: 'Headline.Text', Value: 'a b&c' }, 'data')
    await ask({ Function: 'Fade', Input: 1, Duration: 200 }, 'tally', (text) => text.startsWith('102'))
    await ask({ Function: 'LaunchRocket' }, 'data', (text) => text.startsWith('FUNCTION ER'))
    await ask('SUBSCRIBE ACTS', 'data', (text) => text === 'SUBSCRIBE OK ACTS')
    await ask({ Function: 'SetVolume', Input: 'Music', Value: 88 }, 'activators')
    await ask('XMLTEXT vmix/inputs/input[6]/@volume', 'data', (text) => text.startsWith('XMLTEXT'))
    await ask('XML', 'xml')
    connection.shutdown ? connection.shutdown() : connection.socket().destroy()
    process.exit(0)
}

setTimeout(() => { console.error('no answer in time'); process.exit(2) }, 20000)
main().catch((error) => { console.error(error); process.exit(1) })
