/** Folders and files that are in a tree without being part of it: others' stores, system litter, editors' temp files. */
const PASSING =
  /^(?:\.git|node_modules|\.DS_Store|Thumbs\.db|desktop\.ini|4913|\.#.*|#.*#|\.openwork-tmp-.*)$|~$|\.(?:sw[a-z]|tmp|temp|part|crdownload)$|\.tmp-|___jb_/i

/** Whether what has this name is of no interest to who watches files that people write. */
export const isPassing = (name: string): boolean => PASSING.test(name)
