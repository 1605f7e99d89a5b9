// The floor of every command: what Bun needs to start and end one that does nothing but answer.
console.log('0.0.0')
