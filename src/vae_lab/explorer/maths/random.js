// Random numbers from a seed, the same in every browser: Math.random takes no seed.

// The generator sfc32 of Chris Doty-Humphrey (PractRand): whole numbers of 32 bits.
class Random {
  // seed: a whole number from 0 to 2^53.
  constructor(seed) {
    this.state = Int32Array.of(0, seed / 2 ** 32, seed, 1);
    this.spare = null;
    // The first numbers of seeds that are close to each other are alike.
    for (let i = 0; i < 15; i++) this.bits();
  }

  // Returns 32 random bits as a whole number.
  bits() {
    const state = this.state;
    const sum = (state[0] + state[1] + state[3]) | 0;
    state[3] += 1;
    state[0] = state[1] ^ (state[1] >>> 9);
    state[1] = state[2] + (state[2] << 3);
    state[2] = ((state[2] << 21) | (state[2] >>> 11)) + sum;
    return sum >>> 0;
  }

  // Returns a number in [0, 1).
  uniform() {
    return this.bits() / 2 ** 32;
  }

  // Returns a standard normal number, by Marsaglia's polar method: of two uniform numbers it makes
  // two normal ones. Which pairs it takes needs no function that browsers round differently.
  normal() {
    if (this.spare !== null) {
      const value = this.spare;
      this.spare = null;
      return value;
    }
    for (;;) {
      const u = 2 * this.uniform() - 1;
      const v = 2 * this.uniform() - 1;
      const square = u * u + v * v;
      if (square > 0 && square < 1) {
        const factor = Math.sqrt((-2 * Math.log(square)) / square);
        this.spare = v * factor;
        return u * factor;
      }
    }
  }

  // Returns standard normal numbers, Float32Array (count,).
  normals(count) {
    return Float32Array.from({ length: count }, () => this.normal());
  }
}
