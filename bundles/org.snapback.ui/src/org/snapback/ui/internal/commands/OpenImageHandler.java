// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.commands;

import java.nio.file.Path;
import org.eclipse.core.commands.AbstractHandler;
import org.eclipse.core.commands.ExecutionEvent;
import org.eclipse.swt.SWT;
import org.eclipse.swt.widgets.FileDialog;
import org.eclipse.ui.handlers.HandlerUtil;
import org.snapback.core.image.ImageFile;
import org.snapback.ui.internal.Messages;

/** Lets the user choose an image, shows it, and lists it in the Snapshots view from then on. */
public final class OpenImageHandler extends AbstractHandler {

    @Override
    public Object execute(ExecutionEvent event) {
        FileDialog dialog = new FileDialog(HandlerUtil.getActiveShell(event), SWT.OPEN);
        dialog.setText(Messages.openImageTitle);
        dialog.setFilterExtensions(new String[] {"*." + ImageFile.EXTENSION, "*"});
        String chosen = dialog.open();
        if (chosen != null) {
            SavedSnapshots.open(Path.of(chosen));
        }
        return null;
    }
}
