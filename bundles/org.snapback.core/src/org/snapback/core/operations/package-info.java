// SPDX-License-Identifier: EPL-2.0
@NonNullByDefault
package org.snapback.core.operations;

import org.eclipse.jdt.annotation.NonNullByDefault;
